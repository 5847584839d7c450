// Nothing to call: the library is preloaded into a program under test. See faults.c.
