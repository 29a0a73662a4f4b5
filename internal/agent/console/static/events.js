/** What the agent reports, shown. */

import { Charts } from './view-chart.js';
import { Latency } from './view-latency.js';
import { Outbox } from './view-outbox.js';
import { showNotice, showSession, showState } from './view-status.js';
import { Tools } from './view-tools.js';
import { Transcript } from './view-transcript.js';

export class Events {
  /** @param {() => void} flush drops sound that has not been played */
  constructor(flush) {
    this.flush = flush;
    this.transcript = new Transcript();
    this.tools = new Tools();
    this.charts = new Charts();
    this.latency = new Latency();
    this.outbox = new Outbox();
    this.speaking = false; // the agent sends sound
    this.playing = false; // the loudspeaker gives it
  }

  /** A new conversation: the last one's words and figures go. */
  begin() {
    this.transcript.clear();
    this.tools.clear();
    this.charts.clear();
    this.latency.clear();
    this.speaking = false;
    showSession('');
    showNotice(null);
  }

  /** @param {string} text typed */
  typed(text) {
    this.transcript.typed(text);
    this.latency.forget();
    showState('thinking');
  }

  /** @param {boolean} playing */
  playback(playing) {
    this.playing = playing;
    if (playing) this.latency.heard();
    this.rest();
  }

  /** Back to listening once the agent has sent all and all was heard. */
  rest() {
    const state = document.getElementById('state')?.dataset.state;
    if (state === 'speaking' && !this.speaking && !this.playing) showState('listening');
  }

  /** @param {string} type @param {any} data */
  message(type, data) {
    switch (type) {
      case 'user-started-speaking': showState('hearing'); break;
      case 'user-stopped-speaking': showState('thinking'); break;
      case 'user-transcription':
        this.transcript.heard(String(data.text ?? ''), data.final === true);
        if (data.final === true) this.latency.forget();
        break;
      case 'user-llm-text': this.transcript.accepted(String(data.text ?? '')); break;
      case 'bot-llm-started':
        this.transcript.pause();
        if (!this.speaking) showState('thinking');
        break;
      case 'bot-llm-text': this.transcript.token(String(data.text ?? '')); break;
      case 'bot-llm-stopped': this.done(); break;
      case 'bot-tts-text': this.transcript.word(String(data.text ?? '')); break;
      case 'bot-output': this.transcript.output(data); break;
      case 'bot-started-speaking':
        this.speaking = true;
        showState('speaking');
        break;
      case 'bot-stopped-speaking':
        this.speaking = false;
        this.rest();
        break;
      case 'bot-interrupted':
        this.flush();
        this.speaking = false;
        this.transcript.interrupt();
        showState('hearing');
        break;
      case 'llm-function-call-in-progress':
        this.tools.running(data);
        if (!this.speaking) showState('thinking', data.function_name ? `using ${data.function_name}` : 'using a tool');
        break;
      case 'llm-function-call-stopped':
        this.tools.stopped(data);
        if (!this.speaking) showState('thinking');
        break;
      case 'server-message': this.server(data); break;
      case 'error': case 'error-response': this.failed(data); break;
      default: break; // newer servers say more than this page shows
    }
  }

  /** The model has no more words; a muted answer ends here, a spoken one when it was heard. */
  done() {
    const state = document.getElementById('state')?.dataset.state;
    if (state === 'thinking' && !this.speaking && this.transcript.answer) showState('listening');
  }

  /** @param {any} data a message of voicectl's own */
  server(data) {
    switch (data?.type) {
      case 'session': showSession(String(data.session_id ?? '')); break;
      case 'chart': this.charts.add(data); break;
      case 'mail': this.outbox.add(data); break;
      case 'tool_result': this.tools.judged(data); break;
      case 'turn_latency': this.latency.add(data); break;
      default: break;
    }
  }

  /** @param {any} data */
  failed(data) {
    const what = String(data.message ?? data.error ?? 'The agent met an error.');
    showNotice({
      what,
      next: data.fatal ? 'The conversation is over: connect again.' : 'The conversation goes on: ask again, or in other words.',
    });
  }
}
