import os
import sys
import traceback

from innerloop.cli import main


def as_a_rank() -> None:
    """Run under torchrun. Threads of torch.distributed may still live when Python takes the process
    apart, which then aborts ("terminate called without an active exception"); so it is left at once
    when all is said and written."""
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


as_a_rank() if "TORCHELASTIC_RUN_ID" in os.environ else main()
