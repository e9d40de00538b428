//! Made-up networks against presentation attacks, as ONNX files: what they see is how bright a
//! picture is.

/// A message of protocol buffers, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn put(self, field: u64, value: Message) -> Self {
        self.bytes(field, &value.0)
    }
}

/// What a network takes and gives, and what it does between.
pub struct Made {
    pub input: Vec<i64>,
    pub classes: i64,
    /// Brightness from which on class 1 is likelier than not, and how much a level counts.
    pub boundary: f32,
    pub slope: f32,
    /// Whether the output is probabilities.
    pub softmax: bool,
    /// Its output is no number for pictures with a brightness between these.
    pub blind: Option<[f32; 2]>,
}

impl Made {
    /// As MiniFASNet V2 is asked: 80x80 pixels, three classes, before the softmax.
    pub fn new(boundary: f32) -> Self {
        Self {
            input: vec![-1, 3, 80, 80],
            classes: 3,
            boundary,
            slope: 0.2,
            softmax: false,
            blind: None,
        }
    }

    pub fn file(&self) -> Vec<u8> {
        let n = self.classes as usize;
        let channels = self.input[1].max(1) as usize;
        let share = |level: f32| level / channels as f32;
        // Class 1 grows with brightness, the others stay at 0.
        let mut weights = vec![0.0; channels * n];
        for row in 0..channels {
            weights[row * n + 1.min(n - 1)] = share(self.slope);
        }
        let mut bias = vec![0.0; n];
        bias[1.min(n - 1)] = -self.slope * self.boundary;
        let mut graph = Message::default()
            .put(1, node("GlobalAveragePool", &["picture"], "pooled", None))
            .put(1, node("Flatten", &["pooled"], "levels", Some(("axis", 1))))
            .put(
                1,
                node("Gemm", &["levels", "weights", "bias"], "logits", None),
            );
        let mut last = "logits";
        if let Some([from, to]) = self.blind {
            // The root of what is negative between the two.
            for (name, at) in [("from", from), ("to", to)] {
                let (w, b, out) = (
                    format!("{name}-w"),
                    format!("{name}-b"),
                    format!("{name}-out"),
                );
                graph = graph
                    .put(1, node("Gemm", &["levels", &w, &b], &out, None))
                    .put(
                        5,
                        tensor(&w, &[channels as i64, 1], &vec![share(1.0); channels]),
                    )
                    .put(5, tensor(&b, &[1], &[-at]));
            }
            graph = graph
                .put(1, node("Mul", &["from-out", "to-out"], "product", None))
                .put(1, node("Sqrt", &["product"], "root", None))
                .put(1, node("Mul", &["root", "nothing"], "silence", None))
                .put(5, tensor("nothing", &[1], &[0.0]))
                .put(1, node("Add", &["logits", "silence"], "blinded", None));
            last = "blinded";
        }
        let closing = if self.softmax { "Softmax" } else { "Identity" };
        let axis = self.softmax.then_some(("axis", 1));
        graph = graph
            .put(1, node(closing, &[last], "said", axis))
            .text(2, "made-up")
            .put(
                5,
                tensor("weights", &[channels as i64, self.classes], &weights),
            )
            .put(5, tensor("bias", &[self.classes], &bias))
            .put(11, value("picture", &self.input))
            .put(12, value("said", &[-1, self.classes]));
        let opset = Message::default().text(1, "").number(2, 13);
        Message::default()
            .number(1, 8)
            .put(7, graph)
            .put(8, opset)
            .0
    }
}

fn node(kind: &str, inputs: &[&str], output: &str, attribute: Option<(&str, i64)>) -> Message {
    let named = inputs
        .iter()
        .fold(Message::default(), |node, input| node.text(1, input));
    let node = named.text(2, output).text(3, output).text(4, kind);
    match attribute {
        None => node,
        // 2 is the type of whole numbers.
        Some((name, number)) => node.put(
            5,
            Message::default()
                .text(1, name)
                .number(3, number)
                .number(20, 2),
        ),
    }
}

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Message {
    let shaped = dims
        .iter()
        .fold(Message::default(), |tensor, dim| tensor.number(1, *dim));
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    // 1 is the type of 32 bit floats.
    shaped.number(2, 1).text(8, name).bytes(9, &raw)
}

/// A tensor's name and shape; -1 where any size goes.
fn value(name: &str, shape: &[i64]) -> Message {
    let dims = shape.iter().fold(Message::default(), |dims, size| {
        let dim = match size {
            -1 => Message::default().text(2, "any"),
            size => Message::default().number(1, *size),
        };
        dims.put(1, dim)
    });
    let tensor = Message::default().number(1, 1).put(2, dims);
    let kind = Message::default().put(1, tensor);
    Message::default().text(1, name).put(2, kind)
}
