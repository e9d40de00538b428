# A stranger is refused, and the line never moves.
start
feed stranger yuyv
await refused
stays_low 5
never granted
never unlocked
