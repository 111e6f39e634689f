"""The child process: serves one GGUF file on loopback until its standard input closes.

    python -m chat.upstream.local.server --model FILE [--port 0] [--host 127.0.0.1]

Prints one JSON line: `{"port": …}` when the model is loaded, or `{"error": …}`. The parent holds the other end of standard
input: when it dies, however it dies, the system closes it and this process ends. Imports nothing of Palaver, so it can be run
by its path whatever the working directory holds.
"""

import argparse
import json
import os
import signal
import socket
import sys
from typing import Any, TextIO

# The demo model repeats itself without a penalty; these repeated 0.5% of the six-word runs in eight sample
# answers, the library's own settings 10%, a low temperature alone 23%.
SAMPLING = {"temp": 0.3, "top_p": 0.9, "penalty_repeat": 1.1, "penalty_last_n": 256}

PING_SECONDS = 10  # a comment line on streams that wait for the prompt to be read
BATCH_TOKENS = (
    256  # a long prompt is read in pieces of this size, and the other answers go on between two pieces
)
ERRORS_ONLY = 1


def main() -> int:
    """Serve until standard input ends. Exit code 1: the model could not be loaded."""
    arguments = _arguments()
    # Ctrl+C reaches the whole process group; the parent decides when the model goes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    protocol_out = _keep_stdout_for_us()

    import xllamacpp  # slow, and only this process needs it

    parameters = xllamacpp.CommonParams()
    _configure(parameters, arguments)
    try:
        server = xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as problem:
        _say(protocol_out, error=f"the file could not be loaded as a model ({type(problem).__name__})")
        return 1
    _say(protocol_out, port=int(server.listening_address.rpartition(":")[2]))
    while sys.stdin.buffer.read(4096):
        pass
    # Nothing here needs saving, and an orderly end would wait for the answers that nobody reads any more.
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="palaver-local-model", description=__doc__)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--model-id", default="local", help="the name answers carry")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, or a port that is taken: any free one")
    parser.add_argument("--api-key", default="local")
    parser.add_argument("--slots", type=int, default=4, help="answers written at the same time")
    parser.add_argument("--context-tokens", type=int, default=4096, help="of each slot")
    parser.add_argument("--max-output-tokens", type=int, default=1024, help="of calls that name no limit")
    parser.add_argument("--prompt-cache-mib", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _configure(parameters: Any, arguments: argparse.Namespace) -> None:
    parameters.model.path = arguments.model
    parameters.model_alias = {arguments.model_id}
    parameters.hostnames = [arguments.host]
    parameters.port = _free_or_any(arguments.host, arguments.port)
    parameters.api_keys = [arguments.api_key]
    parameters.cors_origins = ""
    parameters.ui = False
    parameters.endpoint_slots = False  # it would show what others write
    parameters.offline = True
    parameters.fit_params = False  # take the sizes below as they are
    parameters.n_parallel = arguments.slots
    parameters.kv_unified = False
    parameters.n_ctx = arguments.slots * arguments.context_tokens  # divided among the slots
    parameters.ctx_shift = False  # a prompt that is too long is refused, never cut
    parameters.n_predict = arguments.max_output_tokens
    parameters.n_batch = BATCH_TOKENS
    parameters.n_ubatch = BATCH_TOKENS
    parameters.cache_prompt = True
    parameters.cache_ram_mib = arguments.prompt_cache_mib
    parameters.sse_ping_interval = PING_SECONDS
    parameters.verbosity = ERRORS_ONLY
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        cpu.n_threads = arguments.threads
    for name, value in SAMPLING.items():
        setattr(parameters.sampling, name, value)


def _say(out: TextIO, **line: object) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


def _keep_stdout_for_us() -> TextIO:
    """Our own handle on standard output; whatever the library prints goes to standard error instead."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours


def _free_or_any(host: str, port: int) -> int:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port


if __name__ == "__main__":
    sys.exit(main())
