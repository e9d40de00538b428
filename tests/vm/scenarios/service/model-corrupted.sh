# A changed model: refused by its hash, and nothing opens.
model=/usr/share/doorward/models/sface-int8.onnx
cp $model /tmp/model
printf 'x' | dd of=$model bs=1 seek=100000 conv=notrunc 2>/dev/null
refuses_to_start 'sface-int8.onnx'
low || fail "the line is high"
cp /tmp/model $model
