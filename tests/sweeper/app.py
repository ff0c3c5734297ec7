"""A Hydra app whose jobs note that they ran: ``python app.py CONF_FOLDER -m hydra/sweeper=optuna ...``."""

import os
import sys
import time

import hydra

CONF = sys.argv.pop(1)


@hydra.main(version_base="1.3", config_path=CONF, config_name="app")
def main(cfg):
    with open("started.txt", "a") as file:
        file.write(f"{cfg.trial} {os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
    time.sleep(cfg.sleep)
    if cfg.kill_at is not None and cfg.trial == cfg.kill_at:
        os.kill(os.getpid(), 9)
    return -((cfg.x - 0.3) ** 2)


if __name__ == "__main__":
    main()
