# A stranger is denied, and the line never moves.
start
feed stranger yuyv
await denied
stays_low 5
never granted
never unlocked
