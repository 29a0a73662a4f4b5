"""A voice agent made of Pipecat's own parts, on whatever vendors the environment names.

It answers phone calls: POST /twilio/voice gives TwiML, WS /twilio/media takes the media stream. Speechmatics hears,
OpenAI thinks, Cartesia speaks, each through Pipecat's own service and that vendor's own client. Prompt and greeting are
those of the agent definition in $AGENT_FILE, the functions are those it names.

What differs from Pipecat's defaults, and why:
  - turns: Speechmatics ends them (turn detection "vad"), so Pipecat waits for nothing of its own. Its default, Silero and
    the Smart Turn model, knows speech only, and the sandbox's callers speak in tones: Silero's confidence stays below 0.05.
  - 8 kHz in and out, as for every phone line: nothing is resampled.
  - no hang-up by REST: there is nobody to ask.
Everything else, text aggregation and the output's pacing included, is as Pipecat ships it.
"""

import asyncio
import os
import socket
import sys
from xml.sax.saxutils import quoteattr

import aiohttp
import uvicorn
import yaml
from fastapi import FastAPI, Request, Response, WebSocket
from loguru import logger

logger.remove()
logger.add(sys.stderr, level=os.getenv("BOT_LOG", "WARNING"))

from pipecat.frames.frames import TTSSpeakFrame  # noqa: E402: it logs while it is imported
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.worker import PipelineParams, PipelineWorker  # noqa: E402
from pipecat.processors.aggregators.llm_context import LLMContext  # noqa: E402
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair  # noqa: E402
from pipecat.runner.utils import parse_telephony_websocket  # noqa: E402
from pipecat.serializers.twilio import TwilioFrameSerializer  # noqa: E402
from pipecat.services.cartesia.tts import CartesiaTTSService  # noqa: E402
from pipecat.services.llm_service import FunctionCallParams  # noqa: E402
from pipecat.services.openai.llm import OpenAILLMService  # noqa: E402
from pipecat.services.speechmatics.stt import SpeechmaticsSTTService, TurnDetectionMode  # noqa: E402
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402

RATE = 8000
VOICE = "71a7ad14-091c-4e8e-a314-022ece01c121"

with open(os.environ["AGENT_FILE"], encoding="utf-8") as f:
    AGENT = yaml.safe_load(f)

app = FastAPI()


async def function(params: FunctionCallParams, name: str, **body):
    """Asks one of the data functions, and gives the model what it says."""
    url = f"{os.environ['SUPABASE_URL']}/functions/v1/{name}"
    key = os.environ["SUPABASE_ANON_KEY"]
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    try:
        async with params.app_resources.post(url, json=body, headers=headers) as answer:
            await params.result_callback(await answer.json())
    except (aiohttp.ClientError, asyncio.TimeoutError) as e:
        await params.result_callback({"error": type(e).__name__})


async def query_transactions(params: FunctionCallParams, clientId: str):
    """Look up the transactions of one client. Call it whenever the caller names a client and asks about transactions.

    Args:
        clientId: The client's number, digits only, as the caller said it.
    """
    await function(params, "transaction-query", clientId=clientId)


async def search_documents(params: FunctionCallParams, query: str):
    """Search the company's own documents (policies, fees, opening hours, delivery, privacy and the like).

    Args:
        query: What to look for, in the caller's words.
    """
    await function(params, "rag-retrieval", query=query)


async def web_search(params: FunctionCallParams, query: str):
    """Search the web. Only for what the documents do not answer: call search_documents before it.

    Args:
        query: What to look for.
    """
    await function(params, "web-search-tool", query=query)


async def send_email_report(params: FunctionCallParams, to: str, clientId: str):
    """Mail the transaction report of one client. Only to an address that the caller has said in this call.

    Args:
        to: One e-mail address, as the caller said it, written as name@example.com.
        clientId: The client's number.
    """
    await function(params, "transaction-email", to=to, clientId=clientId)


async def generate_transaction_chart(params: FunctionCallParams, clientId: str):
    """Draw a chart of one client's transactions by month and type on the caller's screen.

    Args:
        clientId: The client's number, digits only.
    """
    await function(params, "transaction-chart", clientId=clientId)


TOOLS = [query_transactions, search_documents, web_search, send_email_report, generate_transaction_chart]


@app.post("/twilio/voice")
async def voice(request: Request):
    stream = f"ws://{request.headers['host']}/twilio/media"
    twiml = f'<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url={quoteattr(stream)}/></Connect></Response>'
    return Response(twiml, media_type="text/xml")


@app.websocket("/twilio/media")
async def media(websocket: WebSocket):
    await websocket.accept()
    _, call = await parse_telephony_websocket(websocket)
    serializer = TwilioFrameSerializer(
        stream_sid=call["stream_id"],
        call_sid=call["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer),
    )
    stt = SpeechmaticsSTTService(
        api_key=os.environ["SPEECHMATICS_API_KEY"],
        base_url=os.environ["SPEECHMATICS_RT_URL"],
        settings=SpeechmaticsSTTService.Settings(turn_detection_mode=TurnDetectionMode.VAD, enable_partials=True),
    )
    llm = OpenAILLMService(
        api_key=os.environ["OPENAI_API_KEY"],
        base_url=os.environ["OPENAI_BASE_URL"],
        settings=OpenAILLMService.Settings(model=os.getenv("OPENAI_MODEL", "gpt-4o-mini"), system_instruction=AGENT["prompt"]),
    )
    tts = CartesiaTTSService(
        api_key=os.environ["CARTESIA_API_KEY"],
        url="ws" + os.environ["CARTESIA_BASE_URL"].removeprefix("http") + "/tts/websocket",
        settings=CartesiaTTSService.Settings(voice=os.getenv("CARTESIA_VOICE_ID", VOICE)),
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        aggregators = LLMContextAggregatorPair(LLMContext(tools=TOOLS))
        worker = PipelineWorker(
            Pipeline([transport.input(), stt, aggregators.user(), llm, tts, transport.output(), aggregators.assistant()]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            app_resources=http,
        )

        @transport.event_handler("on_client_connected")
        async def greet(transport, client):
            await worker.queue_frames([TTSSpeakFrame(AGENT["greeting"])])

        @transport.event_handler("on_client_disconnected")
        async def leave(transport, client):
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()


async def main():
    listener = socket.create_server(("127.0.0.1", int(os.getenv("PORT", "0"))))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    print(f"bot: listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(main())
