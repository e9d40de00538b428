# An empty scene decides nothing.
start
feed nobody yuyv
stays_low 6
never granted
never denied
