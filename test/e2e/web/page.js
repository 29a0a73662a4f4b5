// The stock client, unmodified, and a record of what it reports for the test to read.
import { PipecatClient } from '@pipecat-ai/client-js';
import { WavMediaManager, WebSocketTransport } from '@pipecat-ai/websocket-transport';

const stock = {
  events: [],
  errors: [],
  transcripts: [],
  said: [],
  /** Everything that the agent said so far. */
  answer: () => stock.said.join(' '),
  start: () => stock.client.startBotAndConnect({ endpoint: '/start' }),
};

stock.client = new PipecatClient({
  transport: new WebSocketTransport({ mediaManager: new WavMediaManager(512, 16000) }),
  enableMic: true,
  enableCam: false,
  callbacks: {
    onBotReady: () => stock.events.push('bot-ready'),
    onBotStartedSpeaking: () => stock.events.push('bot-started-speaking'),
    onBotStoppedSpeaking: () => stock.events.push('bot-stopped-speaking'),
    onUserStartedSpeaking: () => stock.events.push('user-started-speaking'),
    onUserStoppedSpeaking: () => stock.events.push('user-stopped-speaking'),
    onUserTranscript: (data) => stock.transcripts.push(data),
    onBotOutput: (data) => stock.said.push(data.text),
    onServerMessage: (data) => stock.events.push(`server-message ${data?.type}`),
    onTransportStateChanged: (state) => {
      stock.events.push(`state ${state}`);
      document.getElementById('state').textContent = state;
    },
    onError: (message) => stock.errors.push(JSON.stringify(message)),
    onMessageError: (message) => stock.errors.push(JSON.stringify(message)),
  },
});

window.stock = stock;
