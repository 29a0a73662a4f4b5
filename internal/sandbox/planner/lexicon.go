package planner

import (
	"strconv"
	"strings"
	"sync"
)

// intent is what a speaker wants.
type intent string

const (
	none        intent = ""
	showRecords intent = "records" // transactions of a client
	sendMail    intent = "mail"
	drawChart   intent = "chart"
	lookUp      intent = "lookup" // documents, then the web
	mailStatus  intent = "mail_status"
	decline     intent = "decline"
	repeatLast  intent = "repeat"
	greet       intent = "greet"
	howAreYou   intent = "how_are_you"
	whoAreYou   intent = "who_are_you"
	areYouReal  intent = "are_you_real"
	abilities   intent = "abilities"
	hearMe      intent = "hear_me"
	thanks      intent = "thanks"
	goodbye     intent = "goodbye"
	agree       intent = "agree"
	refuse      intent = "refuse"
	wait        intent = "wait"
	sorry       intent = "sorry"
	praise      intent = "praise"
	complain    intent = "complain"
	joke        intent = "joke"
	human       intent = "human"
	chat        intent = "chat" // none of the above
)

// row teaches one intent. Words are stems ("refund*") or whole words, phrases are word sequences; the
// number behind the colon is what a hit adds to the score.
type row struct {
	intent  intent
	words   string
	phrases []string
}

//nolint:gochecknoglobals // table
var lexicon = []row{
	{
		showRecords,
		`transact*:3 payment*:2.5 purchas*:2.5 spen*:2 deposit*:2.5 withdr*:2.5 transfer*:2 charge*:1.5 charged:2 refund*:1.5 activit*:2
		history:1.5 statement*:2 balance*:2 bought:1.5 buy*:1 paid:1.5 pays:1.5 account*:1 record*:1.5 order*:1 invoice*:1.5 entries:1.5
		figure*:1 financ*:1.5 total*:1 debit*:2 credit*:1.5 ledger:2.5 report*:1 show*:1 list*:1 display*:1 pull:1 fetch*:1 data:1 details:1
		numbers:1 client*:1 customer*:1 pending:1.5 completed:1 failed:1 declined:1 cancelled:.5 canceled:.5 everything:.5 owe*:1.5 earn*:1 receiv*:1`,
		[]string{
			"look up:1", "pull up:1.5", "bring up:1.5", "how much did:1", "how much has:1", "how many:.5", "money in:1", "money out:1", "the numbers:1",
			"what do we have on:2", "what has:1", "what have we got:1.5", "read me:1", "tell me about client:1", "tell me about customer:1",
		},
	},
	{
		sendMail,
		`send*:2.5 sent:1.5 email*:3 mail*:3 forward*:2.5 shoot:2 fire:1 deliver:1 dispatch*:2.5 inbox:2.5 cc:2 get:.2`,
		[]string{"by mail:1", "by email:1", "via email:1", "over email:1", "in an email:1.5", "drop a line:2", "drop them a line:2", "drop him a line:2", "drop her a line:2", "pass it on:2.5", "pass that on:2.5", "pass this on:2.5", "share it with:2.5", "share that with:2.5", "share this with:2.5", "share the:2"},
	},
	{
		drawChart,
		`chart*:4 graph*:4 plot*:4 visuali*:4 diagram*:4 histogram*:4 draw:3 drawing:2 sketch:3 pie:2.5 infographic:3.5 trend*:1`,
		[]string{"bar chart:1", "pie chart:1", "line graph:1", "a picture of:3.5", "show visually:3", "see visually:3", "in visual form:3"},
	},
	{
		lookUp,
		`polic*:4 refund*:2 return*:2 warrant*:3 guarant*:2.5 ship*:2.5 deliver*:2 cancel*:1.5 subscri*:1.5 pric*:2 cost*:1.5 fee:1.5 fees:1.5
		discount*:2 coupon*:2 hours:2 open:1.5 opening:1.5 close:1 location*:2 located:2 store*:1.5 office*:1.5 support*:1.5 contact*:1.5 privacy:3
		terms:2 conditions:1.5 document*:2 manual*:2 guide*:2 handbook:2.5 faq*:3 knowledge:2 procedure*:2.5 process*:1 rule*:2 eligib*:2 exchang*:2
		replac*:2 repair*:2 damag*:1.5 defect*:2 broken:1.5 faulty:2 weather:4 forecast*:3 temperature*:2.5 rain*:2 snow*:2 sunny:2 news:4 headline*:3
		stock*:2 market*:1.5 score*:1.5 president:2.5 capital:2 population:2.5 internet:2 web:2 online:1.5 google*:3 search*:2 explain*:2 information:1.5
		info:1.5 company:1.5 accept*:1.5 holiday*:2 vacation*:2 employee*:1.5 benefit*:1.5 onboard*:2 security:2 gdpr:3 retention:2 loyalty:2 membership*:2
		gift:1.5 track*:2 password*:2.5 reset*:1.5 login:2 install*:2 setup:1.5 feature*:1.5 product*:1 plan*:1 upgrade*:2 trial*:1.5 bitcoin:2.5
		recipe*:2 movie*:1.5 election*:2.5 define:2 definition:2.5 moneyback:3 compensat*:2 insur*:2 tax*:1.5 deadline*:2 stolen:2.5 lost:1.5 disput*:2.5 closure:2.5 sell:1.5 fraud*:3 complaint*:2 recall*:1.5`,
		[]string{
			"how do i:2.5", "how can i:2.5", "how could i:2", "how would i:2", "how should i:2", "how do we:2", "how can we:2", "how does:1.5", "how do:1", "how long:2", "how to:2",
			"what happens:2", "can i:1.5", "may i:1.5", "am i allowed:2.5", "do you offer:2", "do you accept:2", "do you ship:2", "do you have a:1", "do you have any:.5", "do we have a:1",
			"is there:1", "are there:1", "money back:2.5", "time off:2", "look up:1.5", "find out:2", "tell me about:2.5", "tell me more:2", "tell me what:1", "tell me how:2",
			"stock price:2", "exchange rate:2.5", "who won:2.5", "who is the:1.5", "who invented:2.5", "what time:2", "what day:2", "what date:2", "latest on:2", "payment methods:3", "pay with:2", "pay by:2",
			"dont recognise:4", "dont recognize:4", "do not recognise:4", "do not recognize:4", "charged twice:4", "log in:2.5", "delete my:2.5", "close my:2.5", "history of:2.5", "need an invoice:2.5",
			"in stock:2", "send back:3", "send it back:3", "send something back:3", "take back:2", "bring back:2", "know about:2", "read about:2",
		},
	},
	{mailStatus, ``, []string{
		"did you send:6", "did you already:6", "have you already:5", "did you just send:6", "have you sent:6", "did you email:6", "did you mail:6", "have you emailed:6", "have you mailed:6", "was it sent:6", "was that sent:6", "has it been sent:6", "did it go through:4", "did it go out:5",
		"did the email go:7", "did the mail go:7", "did that go through:4", "who did you send:6", "was the email sent:7", "was the report sent:6", "has the email been sent:7", "has the report been sent:6",
	}},
	{decline, `nevermind:4`, []string{
		"never mind:4", "forget it:4", "forget that:3", "forget about it:4", "cancel that:4", "cancel it:3", "dont send:6", "do not send:6", "dont email:6", "do not email:6", "dont mail:6", "do not mail:6",
		"stop that:3", "scratch that:4", "dont bother:4", "not now:3", "leave it:3", "no need to:4", "dont worry about:4", "please stop:4",
	}},
	{repeatLast, `repeat*:3 pardon:3 huh:2.5`, []string{
		"say that again:5", "say it again:5", "come again:4", "once more:3", "one more time:3.5", "what did you say:5", "what was that:3.5", "didnt catch:5", "did not catch:5", "didnt hear:4", "didnt get that:4",
		"tell me again:4", "again please:3", "sorry what:3.5", "excuse me what:3.5", "missed that:3.5", "can you repeat:5",
	}},
	{greet, `hello:3 hi:3 hey:2.5 hiya:3 howdy:3 greetings:3 yo:2 morning:1 evening:1 afternoon:1`, []string{"good morning:3", "good afternoon:3", "good evening:3", "good day:3", "hi there:1", "anybody there:3", "anyone there:3", "introduce yourself:4"}},
	{howAreYou, `sup:2.5`, []string{"how are you:5", "how are things:4", "hows it going:5", "how is it going:5", "how it going:5", "how you doing:4", "how do you do:5", "whats up:4", "what up:4", "how is your day:5", "how your day:5", "how have you been:5", "how do you feel:5", "are you ok:4", "are you okay:4", "are you well:4"}},
	{whoAreYou, ``, []string{"who are you:6", "whats your name:6", "what is your name:6", "what your name:6", "your name:3", "who am i talking to:6", "who am i speaking with:6", "who am i speaking to:6", "who is this:5", "who this:4", "introduce yourself:5", "about yourself:5", "what are you:5", "do you have a name:6", "what should i call you:6", "who do i have:4"}},
	{areYouReal, `robot:3.5 chatbot:3.5`, []string{"are you human:6", "are you a human:6", "are you real:6", "are you a real:6", "are you an ai:6", "are you a machine:6", "are you a person:6", "are you a bot:6", "are you ai:6", "am i talking to a:4", "is this a recording:6", "a computer:3"}},
	{abilities, `help:2 capabilit*:3`, []string{
		"what can you do:6", "what do you do:6", "ask you a question:5", "ask a question:5", "ask you something:5", "ask something:4", "can you help:4", "could you help:4", "help me:2.5", "i need help:4", "need some help:4", "what can i ask:6", "what can i do here:5", "how can you help:7", "how do you work:5", "how does this work:5",
		"what are you able:6", "what are your:3", "your abilities:4", "what else can you:6", "what are my options:5", "what services:2", "how may you help:6", "what things can you:6",
	}},
	{human, ``, []string{
		"talk to a human:6", "speak to a human:6", "speak with a human:6", "talk to a person:6", "speak to a person:6", "real person:5", "speak to someone:5", "talk to someone:5", "speak to a manager:6", "talk to a manager:6",
		"speak to your manager:6", "to an agent:5", "a representative:5", "to an operator:5", "transfer me:5", "human being:4", "connect me:4",
	}},
	{hearMe, `testing:3 mic:2.5 microphone:2.5`, []string{"can you hear me:6", "do you hear me:6", "are you there:5", "is anyone there:4", "are you still there:6", "are you listening:5", "this is a test:4", "is this working:4", "is this thing on:5"}},
	{goodbye, `bye:4 goodbye:4 cya:4 farewell:4`, []string{"bye bye:1", "good bye:4", "see you:4", "see ya:4", "talk to you later:5", "talk later:5", "take care:4", "have a good day:4.5", "have a nice day:4.5", "have a great day:4.5", "good night:4", "thats all:3", "that all:3", "that will be all:4", "that would be all:4", "im done:3.5", "i done:3.5", "catch you later:5", "hang up:4", "nothing else:3", "until next time:4", "have a good one:4.5", "have a good night:4.5", "signing off:4"}},
	{thanks, `thanks:4 thank:3.5 thx:4 cheers:3 appreciat*:3.5 grateful:3.5 ty:3`, []string{"thank you:1", "thanks a lot:1", "much obliged:4"}},
	{agree, `yes:3 yeah:3 yep:3 yup:3 sure:2.5 ok:2 okay:2 alright:2 absolutely:3 definitely:3 certainly:3 correct:2 right:1.5 affirmative:3 indeed:3 perfect:2.5`, []string{"of course:3", "go ahead:3", "sounds good:3", "do it:2.5", "that right:2", "thats right:3", "you bet:3", "please do:3", "why not:3"}},
	{refuse, `no:3 nope:3 nah:3 negative:2.5`, []string{"no thanks:2", "no thank you:2", "not really:3", "not at all:3", "i dont think so:4", "no way:3"}},
	{wait, `hmm:2.5 hm:2.5 um:2 uh:2 er:2`, []string{"hold on:4", "one moment:4", "one second:4", "just a second:4", "just a moment:4", "wait a:3.5", "give me a second:4", "give me a moment:4", "hang on:4", "let me think:4", "bear with me:4"}},
	{sorry, `apolog*:3`, []string{"im sorry:3", "i sorry:3", "my bad:4", "my mistake:4", "sorry about that:4", "my apologies:3"}},
	{praise, `awesome:3 brilliant:3 excellent:3 amazing:3 fantastic:3 wonderful:3 lovely:2.5 cool:2.5 nice:2.5 great:2.5 wow:3 impressive:3 sweet:2`, []string{"well done:4", "good job:4", "great job:4", "nice work:4", "love it:3", "i love you:4", "love you:3", "i like you:4", "you are great:3", "you are the best:4", "you the best:4", "you sound:3", "very helpful:3", "so helpful:3", "good to know:3"}},
	{complain, `useless:4 stupid:4 terrible:3.5 awful:3.5 hate:3 annoying:4 wrong:2 idiot:4 dumb:4 rubbish:3.5 sucks:4`, []string{"not helpful:4", "doesnt work:2.5", "that is wrong:3", "that wrong:3", "not what i asked:5", "not what i said:5", "you dont understand:5", "waste of time:5"}},
	{joke, `joke*:4 sing:3 poem:3.5 riddle:4`, []string{"make me laugh:5", "something funny:4"}},
}

type hit struct {
	intent intent
	weight float64
}

type dictionary struct {
	exact   map[string][]hit
	stems   map[string][]hit
	phrases []struct {
		text string // with a space at either end
		hit
	}
}

//nolint:gochecknoglobals // built once from the table
var words = sync.OnceValue(func() *dictionary {
	d := &dictionary{exact: map[string][]hit{}, stems: map[string][]hit{}}
	for _, r := range lexicon {
		for _, f := range strings.Fields(r.words) {
			w, weight := weighted(f)
			if stem, ok := strings.CutSuffix(w, "*"); ok {
				d.stems[stem] = append(d.stems[stem], hit{r.intent, weight})
			} else {
				d.exact[w] = append(d.exact[w], hit{r.intent, weight})
			}
		}
		for _, p := range r.phrases {
			text, weight := weighted(p)
			d.phrases = append(d.phrases, struct {
				text string
				hit
			}{" " + text + " ", hit{r.intent, weight}})
		}
	}
	return d
})

func weighted(s string) (string, float64) {
	w, n, _ := strings.Cut(s, ":")
	weight, err := strconv.ParseFloat(n, 64)
	if err != nil {
		panic("planner: lexicon entry without weight: " + s) // a fault of this file, seen by every test
	}
	return w, weight
}
