//! ONNX Runtime: one environment a process, one session a network.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ort::environment::Environment;
use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::manifest::{Entry, Manifest};
use super::{VisionError, library};
use crate::config::{self, Accelerator};

/// ONNX Runtime allows one environment a process and never unloads its library.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// Loads the shared library, once, if it is the one that was meant (see `library`).
///
/// # Errors
/// [`VisionError::Runtime`] if it is missing, was replaced, is not ONNX Runtime, is too old, or another one is loaded already.
pub(crate) fn environment(
    manifest: &Manifest,
    models: &config::Models,
) -> Result<Environment, VisionError> {
    let path = &models.runtime;
    let wrong = |reason: String| VisionError::Runtime {
        path: path.to_owned(),
        reason,
    };
    let mut loaded = LOADED
        .lock()
        .map_err(|_| wrong("loading it has panicked before".into()))?;
    if let Some((known, environment)) = loaded.as_ref() {
        return if known == path {
            Ok(environment.clone())
        } else {
            Err(wrong(format!("{} is loaded already", known.display())))
        };
    }
    library::known(manifest, models)?;
    let environment = ort::init_from(path)
        .map_err(|e| wrong(e.to_string()))?
        .with_name("doorward")
        .with_telemetry(false)
        .build()
        .map_err(|e| wrong(e.to_string()))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    *loaded = Some((path.to_owned(), environment.clone()));
    Ok(environment)
}

/// A network ready to run, whose inputs and outputs are what the manifest promised.
#[derive(Debug)]
pub(crate) struct Network {
    id: String,
    input: String,
    session: Session,
    spent: Duration,
}

impl Network {
    /// Builds the network from the checked file of `entry`.
    ///
    /// # Errors
    /// [`VisionError`] if the file is not what the manifest says, is not an ONNX
    /// model, or has other inputs or outputs.
    pub fn open(
        environment: &Environment,
        manifest: &Manifest,
        entry: &Entry,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        Self::of(environment, &manifest.read(entry)?, entry, models)
    }

    /// Builds the network from the bytes of a file that is what `entry` says.
    ///
    /// # Errors
    /// [`VisionError`] if they are not an ONNX model, or it has other inputs or outputs.
    pub(super) fn of(
        environment: &Environment,
        bytes: &[u8],
        entry: &Entry,
        models: &config::Models,
    ) -> Result<Self, VisionError> {
        let provider = provider(models.accelerator)?;
        let refused = |reason: String| VisionError::Model {
            id: entry.id.clone(),
            reason,
        };
        let session = build(environment, bytes, models.threads, provider).map_err(|reason| {
            match models.accelerator {
                Accelerator::Cpu => refused(reason),
                // A provider that is not there and a network it cannot take are told apart by their words only.
                other => VisionError::Accelerator {
                    name: other.name(),
                    reason,
                },
            }
        })?;
        for (kind, found, name, shape) in std::iter::once((
            "input",
            session.inputs(),
            &entry.input.name,
            &entry.input.shape,
        ))
        .chain(
            entry
                .outputs
                .iter()
                .map(|o| ("output", session.outputs(), &o.name, &o.shape)),
        ) {
            let outlet = found
                .iter()
                .find(|o| o.name() == name)
                .ok_or_else(|| refused(format!("it has no {kind} named \"{name}\"")))?;
            check_shape(outlet.dtype(), shape)
                .map_err(|reason| refused(format!("its {kind} \"{name}\" {reason}")))?;
        }
        if session.inputs().len() != 1 {
            return Err(refused(format!(
                "it wants {} inputs, not one picture",
                session.inputs().len()
            )));
        }
        Ok(Self {
            id: entry.id.clone(),
            input: entry.input.name.clone(),
            session,
            spent: Duration::ZERO,
        })
    }

    /// The manifest's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Time spent inside ONNX Runtime so far.
    pub fn spent(&self) -> Duration {
        self.spent
    }

    /// Runs the network on `data`, a batch of `shape` in the network's own order of axes
    /// (NCHW or NHWC, by its manifest entry).
    ///
    /// # Errors
    /// [`VisionError::Inference`] with ONNX Runtime's own words.
    pub fn run(&mut self, shape: [usize; 4], data: &[f32]) -> Result<Outputs<'_>, VisionError> {
        let Self {
            id,
            input,
            session,
            spent,
        } = self;
        let fail = |e: ort::Error| VisionError::Inference {
            id: id.clone(),
            reason: e.to_string(),
        };
        let tensor = TensorRef::from_array_view((shape, data)).map_err(fail)?;
        let start = Instant::now();
        let values = session
            .run(ort::inputs![input.as_str() => tensor])
            .map_err(fail)?;
        *spent += start.elapsed();
        Ok(Outputs { id, values })
    }
}

/// What a network said.
pub(crate) struct Outputs<'n> {
    id: &'n str,
    values: SessionOutputs<'n>,
}

impl Outputs<'_> {
    /// One output's shape and values.
    ///
    /// # Errors
    /// [`VisionError::Inference`] if it is missing, not `f32`, or holds a NaN or an infinity.
    pub(crate) fn tensor(&self, name: &str) -> Result<(&[i64], &[f32]), VisionError> {
        let fail = |reason: String| VisionError::Inference {
            id: self.id.to_owned(),
            reason,
        };
        let (shape, data) = self
            .values
            .get(name)
            .ok_or_else(|| fail(format!("no output \"{name}\"")))?
            .try_extract_tensor::<f32>()
            .map_err(|e| fail(e.to_string()))?;
        if data.iter().any(|v| !v.is_finite()) {
            return Err(fail(format!("output \"{name}\" is not finite")));
        }
        Ok((shape, data))
    }
}

/// What the session is to run on; nothing for the CPU.
fn provider(accelerator: Accelerator) -> Result<Option<ExecutionProviderDispatch>, VisionError> {
    match accelerator {
        Accelerator::Cpu => Ok(None),
        #[cfg(feature = "cuda")]
        Accelerator::Cuda => Ok(Some(ort::ep::CUDA::default().build().error_on_failure())),
        #[cfg(feature = "tensorrt")]
        Accelerator::Tensorrt => Ok(Some(
            ort::ep::TensorRT::default().build().error_on_failure(),
        )),
        #[cfg(feature = "xnnpack")]
        Accelerator::Xnnpack => Ok(Some(ort::ep::XNNPACK::default().build().error_on_failure())),
        #[cfg(feature = "acl")]
        Accelerator::Acl => Ok(Some(ort::ep::ACL::default().build().error_on_failure())),
        #[allow(unreachable_patterns)]
        absent => Err(VisionError::Accelerator {
            name: absent.name(),
            reason: format!(
                "this program was built without it (cargo build --features {})",
                absent.name()
            ),
        }),
    }
}

fn build(
    environment: &Environment,
    bytes: &[u8],
    threads: usize,
    provider: Option<ExecutionProviderDispatch>,
) -> Result<Session, String> {
    // Builder errors carry the builder, which cannot cross threads: keep their words only.
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut builder = Session::builder(environment)
        .map_err(|e| text(&e))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| text(&e))?
        .with_intra_threads(threads)
        .map_err(|e| text(&e))?
        // A spinning pool burns the core that the camera needs.
        .with_intra_op_spinning(false)
        .map_err(|e| text(&e))?;
    // An arena for each network keeps up to twice what it needs at its largest; malloc gives
    // memory that one network is done with to the next.
    let cpu = ort::ep::CPU::default().with_arena_allocator(false).build();
    builder = builder
        .with_execution_providers(provider.into_iter().chain([cpu]).collect::<Vec<_>>())
        .map_err(|e| text(&e))?;
    if saturating_int8() {
        builder = builder
            .with_config_entry("session.x64quantprecision", "1")
            .map_err(|e| text(&e))?;
    }
    let session = builder.commit_from_memory(bytes).map_err(|e| text(&e));
    give_back();
    session
}

/// Gives the system back what was needed only to read a network: several times its size.
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, and fails by doing nothing.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What this CPU, or the board, is called.
pub(crate) fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = std::fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    let named = info
        .lines()
        .find(|l| l.starts_with("model name"))
        .and_then(|l| l.split(": ").nth(1));
    let board = model.trim_end_matches('\0').trim();
    match named {
        Some(name) => name.trim().to_owned(),
        None if !board.is_empty() => board.to_owned(),
        None => std::env::consts::ARCH.to_owned(),
    }
}

/// What this CPU has of what matters to the networks.
pub(crate) fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let all = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avxvnni", is_x86_feature_detected!("avxvnni")),
        ("saturating-int8", saturating_int8()),
    ];
    #[cfg(target_arch = "aarch64")]
    let all = [
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all: [(&str, bool); 0] = [];
    all.into_iter().filter(|f| f.1).map(|f| f.0).collect()
}

/// Whether int8 products saturate on this CPU: x86 without VNNI adds pairs of
/// u8 x s8 products in 16 bits, which ruins embeddings unless told otherwise.
fn saturating_int8() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        !(is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni"))
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// An input or output of a file that nothing is known of yet.
pub(super) struct Outlet {
    pub(super) name: String,
    /// -1 where any size goes.
    pub(super) shape: Vec<i64>,
}

/// What a file takes and gives.
///
/// # Errors
/// In words: it is no ONNX model, or something of it is no tensor of `f32`.
pub(super) fn outlets(
    environment: &Environment,
    bytes: &[u8],
) -> Result<(Vec<Outlet>, Vec<Outlet>), String> {
    let session = build(environment, bytes, 1, None)?;
    let tell = |found: &[ort::value::Outlet], kind: &str| {
        found
            .iter()
            .map(|outlet| {
                let name = outlet.name().to_owned();
                match outlet.dtype() {
                    ValueType::Tensor { ty, shape, .. } if *ty == TensorElementType::Float32 => {
                        let shape = shape.to_vec();
                        Ok(Outlet { name, shape })
                    }
                    ValueType::Tensor { ty, .. } => {
                        Err(format!("its {kind} \"{name}\" holds {ty}, not f32"))
                    }
                    _ => Err(format!("its {kind} \"{name}\" is not a tensor")),
                }
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok((
        tell(session.inputs(), "input")?,
        tell(session.outputs(), "output")?,
    ))
}

fn check_shape(found: &ValueType, promised: &[i64]) -> Result<(), String> {
    let ValueType::Tensor { ty, shape, .. } = found else {
        return Err("is not a tensor".into());
    };
    if *ty != TensorElementType::Float32 {
        return Err(format!("holds {ty}, not f32"));
    }
    if shape.len() != promised.len() || shape.iter().zip(promised).any(|(f, p)| f != p) {
        return Err(format!(
            "has the shape {}, the manifest says {} (-1 is any size)",
            Shape(shape),
            Shape(promised)
        ));
    }
    Ok(())
}

/// A tensor's shape as a manifest writes it.
pub(super) struct Shape<'a>(pub(super) &'a [i64]);

impl std::fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sides: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "[{}]", sides.join(", "))
    }
}
