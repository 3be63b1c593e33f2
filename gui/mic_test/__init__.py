"""The microphone, tried out: five seconds recorded, judged in plain words, heard before and after."""
