package supabase

// The data functions by their default names. Options.Functions maps them to the names of a project.
const (
	FnTransactions = "transaction-query"
	FnDocuments    = "rag-retrieval"
	FnWeb          = "web-search-tool"
	FnEmail        = "transaction-email"
	FnChart        = "transaction-chart"
)

// Functions lists the default names.
func Functions() []string { return []string{FnTransactions, FnDocuments, FnWeb, FnEmail, FnChart} }

// reads tells which functions change nothing and may be asked twice.
func reads(fn string) bool {
	switch fn {
	case FnTransactions, FnDocuments, FnWeb, FnChart:
		return true
	}
	return false
}

// TransactionQuery asks FnTransactions. Type and Status narrow; "" = all.
type TransactionQuery struct {
	ClientID Text   `json:"clientId"`
	Type     string `json:"type,omitempty"`
	Status   string `json:"status,omitempty"`
}

// Transactions is the answer of FnTransactions. Count and Total cover the rows that matched.
type Transactions struct {
	Success      *bool         `json:"success,omitempty"`
	ClientID     Text          `json:"clientId"`
	Count        *int          `json:"count"`
	Total        Amount        `json:"total"`
	Currency     string        `json:"currency"`
	Transactions []Transaction `json:"transactions"`
}

// Transaction is one row. Date is as the database writes it, normally YYYY-MM-DD.
type Transaction struct {
	ID          Text   `json:"id"`
	Date        string `json:"date"`
	Type        string `json:"type"`
	Status      string `json:"status"`
	Amount      Amount `json:"amount"`
	Currency    string `json:"currency"`
	Description string `json:"description"`
}

// Search asks FnDocuments or FnWeb. Limit 0 = the function's own.
type Search struct {
	Query string `json:"query"`
	Limit int    `json:"limit,omitempty"`
}

// Documents is the answer of FnDocuments, best first.
type Documents struct {
	Documents []Document `json:"documents"`
}

// Document is a passage. Similarity is 0 to 1.
type Document struct {
	ID         Text    `json:"id"`
	Title      string  `json:"title"`
	Content    string  `json:"content"`
	Similarity float64 `json:"similarity"`
}

// WebResults is the answer of FnWeb, best first.
type WebResults struct {
	Results []WebResult `json:"results"`
}

// WebResult is one page found.
type WebResult struct {
	Title   string `json:"title"`
	Snippet string `json:"snippet"`
	URL     string `json:"url"`
}

// MailRequest asks FnEmail to mail a client's report. Summary is the first paragraph of the mail.
type MailRequest struct {
	To       string `json:"to"`
	ClientID Text   `json:"clientId"`
	Subject  string `json:"subject,omitempty"`
	Summary  string `json:"summary,omitempty"`
}

// MailResult is the answer of FnEmail.
type MailResult struct {
	Success   *bool  `json:"success,omitempty"`
	MessageID Text   `json:"messageId"`
	To        string `json:"to"`
}

// ChartRequest asks FnChart.
type ChartRequest struct {
	ClientID Text `json:"clientId"`
}

// ChartResult is the answer of FnChart.
type ChartResult struct {
	Success   *bool     `json:"success,omitempty"`
	ClientID  Text      `json:"clientId"`
	ChartData ChartData `json:"chartData"`
}

// ChartData holds one number a label in each series.
type ChartData struct {
	Labels []string `json:"labels"`
	Series []Series `json:"series"`
}

// Series is one line (or one colour of bars).
type Series struct {
	Name string   `json:"name"`
	Data []Amount `json:"data"`
}
