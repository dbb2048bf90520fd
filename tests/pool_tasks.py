"""Tasks for the tests of the process pool: importable by name in a worker."""

import os
import sys
import time


def square(number):
    return number * number


def misbehave(word):
    if word == "hang":
        time.sleep(1000)
    if word == "crash":
        os.abort()
    if word == "eat":
        bytearray(2**42)
    if word == "raise":
        raise ValueError("no such note")
    return word.upper()


def has_tensorflow(_):
    return "tensorflow" in sys.modules


def print_and_return(number):
    print("noise")
    os.write(2, b"noise")
    return number
