# A photo of a listed person on a stand is refused as one, and the line never moves; the person,
# who then walks up, is let in.
start
feed photo yuyv
await_record denied '"reason":"frozen_face"' '"name":"Barack Obama"' '"measured":'
stays_low 5
never granted
never unlocked
feed listed yuyv
await_high
await_record granted '"name":"Barack Obama"' '"movement":'
await_low
verified
