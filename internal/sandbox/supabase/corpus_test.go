package supabase

import (
	"strings"
	"testing"
)

func TestCorpus_FindsThePassageInAnyPhrasing(t *testing.T) {
	c := load().corpus
	for id, questions := range map[string][]string{
		"refund-policy": {
			"What's your refund policy?", "refund policy", "Can I get my money back if I don't like it?", "how do refunds work",
			"I'd like to return something I bought last week", "Are gift cards refundable?", "when will I be reimbursed for my order",
			"what is the return policy", "can I send the shoes back", "how long do I have to return an item",
		},
		"shipping": {
			"How long does shipping take?", "when will my parcel arrive", "What does delivery cost?", "do you ship abroad",
			"where is my order", "how do I track my order", "is express delivery available",
		},
		"warranty": {
			"is there a warranty", "my headphones stopped working, what now", "do you repair broken devices", "How long is the guarantee?",
		},
		"account-closure": {"How do I close my account?", "I want to delete my account", "account closure", "please cancel my account"},
		"privacy": {
			"What is your privacy policy?", "do you sell my data", "how long do you keep personal data", "are calls recorded", "I have a GDPR request",
		},
		"opening-hours": {"What are your opening hours?", "when do you open", "are you open on Sunday", "until when are you open today", "what are your business hours"},
		"fees":          {"what fees do you charge", "How much does a transfer cost?", "Is there a fee for replacing a card?", "what are your charges for withdrawals, any fees"},
		"payment-methods": {
			"What payment methods do you accept?", "can I pay by credit card", "how can I pay", "do you accept cash",
		},
		"disputes":   {"I don't recognise a transaction", "my card was stolen", "how do I dispute a payment", "I was charged twice"},
		"security":   {"I forgot my password", "how do I reset my password", "I cannot log in"},
		"statements": {"how can I get a statement", "I need an invoice"},
		"limits":     {"what is my daily limit", "How much can I transfer in a day?", "can you raise the card limit"},
		"loyalty":    {"how do loyalty points work", "when do my points expire"},
	} {
		for _, q := range questions {
			t.Run(id+"/"+q, func(t *testing.T) {
				got := c.search(q, 3)
				if len(got) == 0 || got[0].Similarity < 0.7 || string(got[0].ID) != id {
					t.Errorf("got %s; want %s first at 0.7 or more", brief(got), id)
				}
			})
		}
	}
}

func TestCorpus_LeavesUnrelatedQuestionsBelowTheFloor(t *testing.T) {
	c := load().corpus
	for _, q := range []string{
		"What's the weather in Paris today?", "weather tomorrow", "who won the football world cup", "what is the capital of France",
		"tell me the latest news", "what is the exchange rate of the dollar", "how tall is Mount Everest", "recipe for banana bread",
		"what time is it in Tokyo", "who is the president of Brazil", "how do I learn the guitar", "what is the price of bitcoin",
		"can you tell me about open source software", "what is the speed limit in Germany", "", "????", "will it rain on Saturday in London",
	} {
		t.Run(q, func(t *testing.T) {
			if got := c.search(q, 3); len(got) > 0 && got[0].Similarity >= 0.7 {
				t.Errorf("got %s; want nothing at 0.7", brief(got))
			}
		})
	}
}

func TestWebSearch_IsTheSameForTheSameQueryAndSpeakable(t *testing.T) {
	for _, q := range []string{"weather in san francisco today", "history of tea", "euro dollar exchange rate", "latest news", "<script>alert(1)</script>"} {
		a, b := webSearch(q, 3), webSearch(q, 3)
		if len(a) == 0 || len(a) != len(b) || a[0] != b[0] {
			t.Fatalf("%q: got %v then %v", q, a, b)
		}
		for _, r := range a {
			if r.Title == "" || r.Snippet == "" || !strings.HasPrefix(r.URL, "https://") || strings.ContainsAny(r.Title+r.Snippet, "<>") {
				t.Errorf("%q: bad result %+v", q, r)
			}
		}
	}
	if got := webSearch("What is the weather in san francisco today?", 1)[0].Snippet; !strings.Contains(got, "San Francisco today is") {
		t.Errorf("got %q; want the place named", got)
	}
}
