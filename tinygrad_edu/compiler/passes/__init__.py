"""What is done to a program, one pass after another: each takes a program and gives one."""
