import SoundSinks
