// Every gallery kernel runs on 512-bit vectors where the processor has them, and calls
// no scalar function of the C library in a loop (f64 functions are the library's).
// RUN: %python %S/vectors.py %examples
