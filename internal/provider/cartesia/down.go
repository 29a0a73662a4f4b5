package cartesia

// Down tells whether the circuit is open: the vendor failed so often that it is not asked now.
func (c *Client) Down() bool { return c.guard.Open() }
