package planner

import "testing"

// Single sentences of many kinds, none of which the tables were written for.
func TestPlan_UnderstandsSentencesOfManyKinds(t *testing.T) {
	five, two := []string{"records.client=5001"}, []string{"records.client=5002"}
	for _, s := range []step{
		{say: "Give me a rundown of what client number five thousand one has been buying lately", tools: "records", args: five},
		{say: "Transactions. Client fifty oh two.", tools: "records", args: two},
		{say: "I'm calling about client 5001. What have they spent this month?", tools: "records", args: five},
		{say: "What did client 5001 do in 2024?", tools: "records", args: five},
		{say: "What's the total amount for 5001?", tools: "records", args: five, holds: []string{"1,250.50"}},
		{say: "do we have anything for customer 5001", tools: "records", args: five},
		{say: "How's client 5001 doing", tools: "records", args: five},
		{say: "5001", tools: "records", args: five},
		{say: "client 50 01 transactions", tools: "records", args: five},
		{say: "what about fifty-oh-one's payments", tools: "records", args: five},
		{say: "transactions client 5-0-0-1", tools: "records", args: five},
		{say: "Let's see, five, zero, zero, one. What do they have?", tools: "records", args: five},
		{say: "transactions for client 5001 please. oh wait, I mean 5002", tools: "records", args: two},
		{say: "Show me transactions over 1000 dollars for client 5001", tools: "records", args: five},
		{say: "did client 5001 get a refund", tools: "records", args: five, holds: []string{"1 refund"}},
		{say: "has client 5001 made any deposits", tools: "records", args: five, holds: []string{"1 deposit"}},
		{say: "what's the largest transaction of client 5001", tools: "records", args: five, holds: []string{"3 transactions", "The largest is a deposit of 1,000 dollars"}},
		{say: "Compare client 5001 and client 5002", tools: "records records", args: []string{"records.client=5001", "records.client=5002"}},
		{say: "Hello, my name is John and my client id is 5001, can you show me my transactions?", tools: "records", args: five},
		{say: "Send an email to john at example dot com with client 5001's transaction report", tools: "mail", args: []string{"mail.to=john@example.com", "mail.client=5001"}},
		{say: "send the 5001 report to john.smith@example.co.uk", tools: "mail", args: []string{"mail.to=john.smith@example.co.uk"}},
		{say: "mail 5001 to john dot smith at my company dot co dot uk", tools: "mail", args: []string{"mail.to=john.smith@mycompany.co.uk"}},
		{say: "email 5001 to j o h n at example dot com", tools: "mail", args: []string{"mail.to=john@example.com"}},
		{say: "email 5001 to john underscore doe at example dot com", tools: "mail", args: []string{"mail.to=john_doe@example.com"}},
		{say: "email client 5001 to john 42 at example.com", tools: "mail", args: []string{"mail.to=john42@example.com", "mail.client=5001"}},
		{say: "What does client 5001 have in transactions, and mail the summary over to j.doe at gmail dot com", tools: "records mail", args: []string{"mail.to=j.doe@gmail.com"}},
		{say: "transaction query for 5001, then email results to test@example.com", tools: "records mail", args: []string{"mail.to=test@example.com"}},
		{say: "Can you send john@example.com client 5001's report and also chart it?", tools: "mail chart", args: []string{"chart.client=5001"}},
		{say: "what transactions does client five thousand and two have and can you chart client 5001", tools: "records chart", args: []string{"records.client=5002", "chart.client=5001"}},
		{say: "I'd like a visual representation of client 5001's spending", tools: "chart", args: []string{"chart.client=5001"}},
		{say: "What is the email address of client 5001?", tools: "records", args: five},
		{say: "Hey can you email me the report", holds: []string{"address"}},
		{say: "Please don't send anything", holds: []string{"won't"}},
		{say: "did you already send it? did it go through", holds: []string{"haven't sent"}},
		{say: "Are you open on Sundays?", tools: "docs web"},
		{say: "How long does shipping take and how much does it cost?", tools: "docs web"},
		{say: "Do you ship to Canada", tools: "docs web"},
		{say: "how do I close my account", tools: "docs web", args: []string{"docs.query=how do I close my account"}},
		{say: "what payment methods do you accept", tools: "docs web"},
		{say: "What time is it?", tools: "docs web"},
		{say: "when will my parcel arrive", tools: "docs web"},
		{say: "my headphones stopped working, what now", tools: "docs web"},
		{say: "my card was stolen", tools: "docs web"},
		{say: "I don't recognise a transaction", tools: "docs web"},
		{say: "I want to delete my account", tools: "docs web"},
		{say: "I'd like to return something I bought last week", tools: "docs"},
		{say: "How much can I transfer in a day?", tools: "docs web"},
		{say: "can I pay by credit card", tools: "docs web"},
		{say: "history of tea", tools: "docs web"},
		{say: "I need to talk to a human", holds: []string{"through"}},
		{say: "It is raining here"},
		{say: "Nice to meet you"},
		{say: "Happy birthday!"},
		{say: "What is your favorite color?"},
		{say: "Can I ask you a question?"},
		{say: "Tell me about yourself", holds: []string{"Julia"}},
		{say: "my email is bob@x.org"},
		{say: "Alright let's get started"},
		{say: "Do you speak Spanish?"},
	} {
		for _, d := range dialects() {
			t.Run(d.name+"/"+s.say, func(t *testing.T) {
				said, calls := newWorld(d, persona).say(t, s.say)
				d.check(t, s, said, calls)
			})
		}
	}
}
