//! The interfaces that the three worlds share, generated once from `wit/`: `types`, and the imports `host` and `http`.
//!
//! Each file in `kinds/` generates its own exports and takes these types, so that one implementation of the imports and one
//! set of conversions serves every kind. Nothing is written by hand here; `guest.rs` implements the imports.

wasmtime::component::bindgen!({
    path: "../../wit",
    interfaces: "
        import shiftgate:step/types@0.1.0;
        import shiftgate:step/host@0.1.0;
        import shiftgate:step/http@0.1.0;
    ",
    imports: {
        "shiftgate:step/http@0.1.0.send": async | trappable,
        default: trappable,
    },
});

pub(crate) use shiftgate::step::{host, http, types};
