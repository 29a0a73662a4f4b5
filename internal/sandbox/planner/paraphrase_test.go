package planner

import (
	"strings"
	"testing"
)

const persona = "You are Julia, a friendly data assistant. Example: \"What transactions does client 4711 have?\" Keep answers short."

// each runs a sentence against every dialect in a fresh conversation.
func each(t *testing.T, sentences []string, f func(t *testing.T, d dialect, said string, calls []Call)) {
	t.Helper()
	if len(sentences) < 12 {
		t.Fatalf("only %d paraphrases", len(sentences))
	}
	for _, d := range dialects() {
		for _, s := range sentences {
			t.Run(d.name+"/"+s, func(t *testing.T) {
				said, calls := newWorld(d, persona).say(t, s)
				f(t, d, said, calls)
			})
		}
	}
}

func TestPlan_FindsTransactions(t *testing.T) {
	each(t, []string{
		"What transactions does client 5001 have?", "what transactions does client fifty oh one have", "Show me client five thousand and one's transactions.",
		"client five zero zero one transactions please", "Can you pull up the payments for customer 5001?", "how much did 5001 spend", "List all purchases made by client 5,001",
		"I'd like to see the account activity of customer number five oh oh one.", "get me 5001", "WHAT TRANSACTIONS DOES CLIENT 5001 HAVE", "Any transacions for client id 5001?", "tell me about client 5001",
		"Hi Julia, could you check what client 5 0 0 1 bought?", "transaction history 5001", "What's on 5001's statement?", "five double oh one, what payments are there?", "fifty zero one transactions",
		"So, um, I want to know about the transactions of, uh, client 5001.", "Look up client C5001 for me", "Does 5001 owe us anything?", "give me everything we have on customer five thousand one",
	}, func(t *testing.T, d dialect, said string, calls []Call) {
		if len(calls) != 1 || calls[0].Name != d.records || arg(calls[0], d.client) != "5001" {
			t.Fatalf("got %v, want one call of %s for 5001 (%s)", calls, d.records, said)
		}
		if !strings.Contains(said, "3") || !strings.Contains(said, "1,250.50 dollars") || !strings.Contains(said, "5001") {
			t.Errorf("got %q, want count and total of the result", said)
		}
		if strings.Contains(calls[0].Arguments, `"5001"`) == d.integer {
			t.Errorf("got %s, want the id in the schema's type", calls[0].Arguments)
		}
	})
}

func TestPlan_AsksWhichClient(t *testing.T) {
	each(t, []string{
		"What transactions does the client have?", "Show me the transactions", "list the payments please", "I need the transaction history", "Pull up the account activity", "can you fetch the purchases",
		"what are the latest transactions", "show pending transactions", "give me a list of all deposits", "I want to see transactions", "transactions", "Please display the client's payment history.",
	}, func(t *testing.T, _ dialect, said string, calls []Call) {
		if len(calls) != 0 || !strings.Contains(said, "Which client") {
			t.Errorf("got %q after %v, want the question for the client", said, calls)
		}
	})
}

func TestPlan_AsksAgainForAMalformedID(t *testing.T) {
	each(t, []string{
		"What transactions does client 50x1 have?", "client 50x1", "show client five zero x one", "transactions of customer 5a01 please", "pull up client number 12b", "get payments for client 50x1x", "payments for 50x1",
		"what did customer 5001abc buy", "client id is 99z9, transactions?", "show me 5001x", "transactions for client 12345678901234567890", "look up customer 4.5.6x",
	}, func(t *testing.T, _ dialect, said string, calls []Call) {
		if len(calls) != 0 || !strings.Contains(said, "client number") {
			t.Errorf("got %q after %v, want to be asked again", said, calls)
		}
	})
}

func TestPlan_SendsMail(t *testing.T) {
	each(t, []string{
		"Send the report for client 5001 to john@example.com", "Email client 5001's transactions to john@example.com please", "mail 5001 to john at example dot com", "forward the transactions of customer 5001 to john@example.com",
		"can you send an email with client fifty oh one's report to john at example dot com", "Please e-mail the report of 5001 to John@Example.com.", "shoot a report on client 5001 over to john@example.com", "send john@example.com the transactions for client 5001",
		"I need the report of client 5001 sent to john at example.com", "could you mail john@example.com a summary of client five thousand one", "client 5001, send the report to john@example.com", "Send those transactions of client 5001 to john @ example.com",
		"email 5001 report john@example.com",
	}, func(t *testing.T, d dialect, said string, calls []Call) {
		if len(calls) != 1 || calls[0].Name != d.mail || arg(calls[0], d.client) != "5001" || arg(calls[0], d.to) != "john@example.com" {
			t.Fatalf("got %v, want one mail of 5001 to john@example.com (%s)", calls, said)
		}
		if !strings.Contains(said, "john@example.com") || strings.Contains(said, "not") {
			t.Errorf("got %q, want a confirmation that names the recipient", said)
		}
	})
}

func TestPlan_AsksForTheRecipient(t *testing.T) {
	each(t, []string{
		"Send the report for client 5001", "email client 5001's transactions", "mail that for 5001", "forward the transactions of client 5001 to my boss", "please e-mail me the report of customer 5001", "send 5001 to John",
		"can you send me the report for client 5001", "I want you to email the report of 5001", "send an email with 5001's payments", "mail the statement for client 5001 please", "forward 5001 to accounting", "could you mail client 5001's report to him",
	}, func(t *testing.T, _ dialect, said string, calls []Call) {
		if len(calls) != 0 || !strings.Contains(said, "address") {
			t.Errorf("got %q after %v, want the question for the address", said, calls)
		}
	})
}

func TestPlan_SearchesDocuments(t *testing.T) {
	each(t, []string{
		"What's our refund policy?", "what is the refund policy", "How do refunds work?", "Can I get a refund?", "tell me about your return policy", "how do I return a product", "do you have a money back guarantee", "Explain the refund rules please",
		"I'd like to know how long I have to return an item", "Julia, what is our policy on refunds?", "could you look up the refund policy for me", "search the documents for refund policy", "how can I send back something I bought", "refund policy", "Are refunds possible after a month?",
		"I bought a lamp and want to return it, how does that work?",
	}, func(t *testing.T, d dialect, said string, calls []Call) {
		if len(calls) != 1 || calls[0].Name != d.docs || arg(calls[0], d.query) == "" {
			t.Fatalf("got %v, want one search of the documents (%s)", calls, said)
		}
		if !strings.Contains(said, "30 days") || strings.Contains(said, "http") || strings.Contains(said, "Parking") {
			t.Errorf("got %q, want the passage in words", said)
		}
	})
}

func TestPlan_GoesToTheWebAfterTheDocuments(t *testing.T) {
	each(t, []string{
		"What's the weather in San Francisco?", "how is the weather in san francisco today", "What's the latest news?", "who is the president of France", "What is the capital of Peru?", "Search the web for San Francisco weather", "tell me the news", "what's the stock price of Apple",
		"Is it going to rain in San Francisco?", "google the weather in San Francisco", "do you know the temperature in San Francisco", "look up the forecast for San Francisco online", "who won the game last night?", "What's the price of gold?", "when was the Eiffel Tower built?",
	}, func(t *testing.T, d dialect, said string, calls []Call) {
		if names(calls) != d.docs+" "+d.web {
			t.Fatalf("got %v, want the documents, then the web (%s)", calls, said)
		}
		if !strings.Contains(said, "It is sunny and 18 degrees") || strings.ContainsAny(said, "*[]") || strings.Contains(said, "http") {
			t.Errorf("got %q, want the web's answer in words", said)
		}
	})
}

func TestPlan_DrawsCharts(t *testing.T) {
	each(t, []string{
		"Generate a chart for client 5001", "make a graph of client 5001's transactions", "Plot the spending of customer 5001", "can you visualise 5001", "visualize client five thousand one please", "draw me a diagram of the payments of 5001", "I want a bar chart for client 5001",
		"chart 5001", "show me a graph for customer fifty oh one", "could you create a pie chart of the transactions for client 5001?", "5001, chart please", "graph client 5001's purchases", "display client 5001's transactions as a chart",
	}, func(t *testing.T, d dialect, said string, calls []Call) {
		if len(calls) != 1 || calls[0].Name != d.chart || arg(calls[0], d.client) != "5001" {
			t.Fatalf("got %v, want one chart of 5001 (%s)", calls, said)
		}
		if !strings.Contains(said, "chart") || !strings.Contains(said, "ready") {
			t.Errorf("got %q, want to hear that it is ready", said)
		}
	})
}

func TestPlan_TalksWithoutTools(t *testing.T) {
	groups := map[string][]string{
		"Julia": {"Hello", "hi there!", "Good morning Julia", "hey", "Who are you?", "what's your name", "Hi, this is Bob.", "who am I talking to?", "Are you a robot?", "greetings", "good evening", "Hello, who's this?"},
		"look up": {
			"What can you do?", "how can you help me?", "help", "I need some help", "what are you able to do", "can you help me with something", "what can I ask you", "what else can you do?", "help me please", "what do you do?", "What are your capabilities?", "how do you work",
		},
		"welcome|help|else": {
			"Thanks", "thank you very much!", "thanks a lot Julia", "I appreciate it", "cheers", "great, thanks", "thank you so much for your help", "that's all, thank you", "No thanks", "many thanks", "perfect, thank you", "thx",
		},
		"Goodbye|nice day": {"bye", "Goodbye!", "see you later", "bye bye Julia", "talk to you later", "have a nice day", "good night", "ok bye", "Thanks, bye", "I'm done, goodbye", "take care", "see you tomorrow"},
		"": {
			"I'm having a great day", "you sound nice", "yes", "no", "okay", "hmm", "I love music", "that's interesting", "tell me a joke", "you're useless", "hold on a second", "Do you like pizza?", "can you hear me?", "never mind", "blah blah", "I'm sorry", "how are you?", "what's up", "cool", "...", "?", "",
		},
	}
	for want, sentences := range groups {
		each(t, sentences, func(t *testing.T, _ dialect, said string, calls []Call) {
			if len(calls) != 0 {
				t.Fatalf("got %v, want words alone", calls)
			}
			ok := false
			for _, w := range strings.Split(want, "|") {
				ok = ok || strings.Contains(said, w)
			}
			if !ok {
				t.Errorf("got %q, want one of %q in it", said, want)
			}
		})
	}
}
