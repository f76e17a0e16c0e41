"""Filters a WAV file with docs/examples/biquad.mlir and with scipy, and compares."""

import os
import re
import subprocess
import time
import wave

import numpy as np
from scipy.signal import butter, lfilter

SOUND = "/usr/share/sounds/alsa/Front_Center.wav"
OUT = "build/demo"


def main():
    os.makedirs(OUT, exist_ok=True)
    with wave.open(SOUND) as f:
        rate, channels = f.getframerate(), f.getnchannels()
        data = np.frombuffer(f.readframes(f.getnframes()), dtype="<i2")
    x = (data.reshape(-1, channels).T / 32768.0).astype(np.float32)
    b, a = butter(2, 800, fs=rate)
    np.save(f"{OUT}/x.npy", np.ascontiguousarray(x))
    args = ["build/bin/seqc", "run", "docs/examples/biquad.mlir", "--time",
            f"--in=x={OUT}/x.npy", f"--out=y={OUT}/y.npy"]
    for name, value in zip(("b0", "b1", "b2", "a1", "a2"), (*b, a[1], a[2])):
        np.save(f"{OUT}/{name}.npy", np.float32(value))
        args.append(f"--in={name}={OUT}/{name}.npy")
    text = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    ours = float(re.search(r"run ([0-9.]+) ms", text).group(1))
    y = np.load(f"{OUT}/y.npy")

    exact = lfilter(b, a, x.astype(np.float64))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        lfilter(b, a, x)
        times.append(time.perf_counter() - start)
    theirs = 1e3 * sorted(times)[len(times) // 2]
    error = np.sqrt(np.mean((y - exact) ** 2) / np.mean(exact**2))
    with wave.open(f"{OUT}/filtered.wav", "wb") as f:
        f.setnchannels(channels)
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes((np.clip(y, -1, 1).T * 32767).astype("<i2").tobytes())
    print(f"   Read {SOUND}: {x.shape[1] / rate:.2f} s of sound at {rate} Hz.")
    print(f"   Everything above 800 Hz is turned down; the result is in {OUT}/filtered.wav.")
    print(f"   seqc took {ours:.3f} ms, scipy.signal.lfilter {theirs:.3f} ms.")
    print(f"   They agree to {error:.1e} (relative RMS, against scipy in double precision).")
    if not error < 1e-4:
        raise SystemExit("   That is too much: something is wrong.")


if __name__ == "__main__":
    main()
