"""The services we know, as data (state of November 2026). Everything in here can be overruled by a setting."""

from __future__ import annotations

from voicechat.config.provider import Provider

HOUR = 3600.0
BETA_HEADER = {"OpenAI-Beta": "realtime=v1"}

PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "local",
            "local",
            model="voicechat-local",
            voice="heart",
            transcription_model="moonshine-tiny-en",
            handshake="multipart",
        ),
        Provider(
            "openai",
            "OpenAI",
            base_url="https://api.openai.com/v1",
            model="gpt-realtime-2.1",
            voice="marin",
            transcription_model="gpt-transcribe",
            needs_key=True,
            key_variables=("OPENAI_API_KEY",),
            key_hosts=("openai.com",),
            handshake="multipart",
            translates=True,
            session_limit=HOUR,
        ),
        Provider(
            "custom",
            "custom",
            model="gpt-realtime-2.1",
            voice="marin",
            transcription_model="gpt-transcribe",
            translates=True,  # nobody knows; a service that has no such sessions says so
        ),  # anything at a bare address; a key only from VOICECHAT_API_KEY
        Provider(
            "azure",
            "Azure OpenAI",
            base_url="https://{resource}.openai.azure.com/openai/v1",
            voice="marin",
            transcription_model="gpt-transcribe",
            needs_key=True,
            needs_model="the name of your deployment",
            key_variables=("AZURE_OPENAI_API_KEY",),
            auth_style="api-key",
            handshake="client_secret",
            dialect="ga",
            translates=True,
            session_limit=HOUR,
        ),
        Provider(
            "azure-preview",
            "Azure OpenAI (preview)",
            base_url="https://{resource}.openai.azure.com/openai",
            voice="alloy",
            transcription_model="whisper-1",
            needs_key=True,
            needs_model="the name of your deployment",
            key_variables=("AZURE_OPENAI_API_KEY",),
            auth_style="api-key",
            handshake="sessions",
            dialect="beta",
            transport="websocket",  # its WebRTC lives at an address of the region, which only its owner knows
            websocket_url="{origin}/openai/realtime?api-version=2025-04-01-preview&deployment={model}",
            mint_url="{origin}/openai/realtimeapi/sessions?api-version=2025-04-01-preview",
            session_limit=HOUR / 2,
        ),
        Provider(
            "newapi",
            "New API",
            model="gpt-realtime-2.1",
            voice="alloy",
            transcription_model="whisper-1",
            needs_key=True,
            key_variables=("NEW_API_KEY",),
            handshake="sessions",
            dialect="beta",
            headers=BETA_HEADER,
        ),
        Provider("speech-to-speech", "speech-to-speech", base_url="http://127.0.0.1:8765/v1", handshake="sdp"),
        Provider(
            "localai",
            "LocalAI",
            base_url="http://127.0.0.1:8080/v1",
            needs_model="the name of a pipeline",
            key_variables=("LOCALAI_API_KEY",),
            handshake="multipart",
            connect_timeout=60.0,  # the first session loads the model
        ),
        Provider(
            "speaches",
            "speaches",
            base_url="http://127.0.0.1:8000/v1",
            needs_model="the chat model it should think with",
            key_variables=("SPEACHES_API_KEY",),
            handshake="sdp",
            webrtc_url="{origin}/v1/realtime",
            dialect="beta",
            connect_timeout=30.0,
        ),
        Provider(
            "dashscope",
            "DashScope",
            base_url="https://dashscope.aliyuncs.com/api-ws/v1",
            model="qwen-audio-3.1-realtime-plus",
            needs_key=True,
            key_variables=("DASHSCOPE_API_KEY",),
            handshake="sdp",
            dialect="beta",
            transport="websocket",  # its WebRTC lives at an address of the workspace: webrtc_url and transport say so
            input_rate=16_000,
        ),
        Provider(
            "stepfun",
            "StepFun",
            base_url="https://api.stepfun.com/v1",
            model="step-audio-2",
            needs_key=True,
            key_variables=("STEPFUN_API_KEY", "STEP_API_KEY"),
            dialect="beta",
            transport="websocket",
        ),
        Provider(
            "inworld",
            "Inworld",
            base_url="https://api.inworld.ai/v1",
            model="openai/gpt-4o-mini",
            needs_key=True,
            key_variables=("INWORLD_API_KEY",),
            dialect="ga",
            websocket_url="wss://api.inworld.ai/api/v1/realtime/session",
        ),
        Provider(
            "litellm",
            "LiteLLM",
            base_url="http://127.0.0.1:4000/v1",
            model="gpt-realtime-2.1",
            voice="marin",
            transcription_model="gpt-transcribe",
            key_variables=("LITELLM_API_KEY",),
            handshake="client_secret",
        ),
    )
}
