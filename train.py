"""accelerate launch train.py --config trainer_configs/quickstart.yaml [--field value]"""

from hf_emotion.scripts.train import main


main()
