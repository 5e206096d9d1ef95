//! How a struct lies in a message: [`wire_struct!`] defines a struct and the table of its fields
//! from one list.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A struct of the protocol: plain bytes, without holes, any bit pattern allowed.
pub trait WireStruct: FromBytes + IntoBytes + Immutable + KnownLayout + Copy + 'static {
    /// The kernel's name, as in `fuse_in_header`.
    const NAME: &'static str;
    /// Bytes on a 7.14 wire.
    const SIZE: usize;
    /// The fields, in order.
    const FIELDS: &'static [Field];
    /// The three above, as a value.
    const WIRE_LAYOUT: Layout = Layout { name: Self::NAME, size: Self::SIZE, fields: Self::FIELDS };
}

/// What is known of one struct.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The kernel's name, as in `fuse_in_header`.
    pub name: &'static str,
    /// Bytes on a 7.14 wire.
    pub size: usize,
    /// The fields, in order.
    pub fields: &'static [Field],
}

/// What is known of one field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The kernel's name.
    pub name: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
    /// How to read the bytes.
    pub kind: FieldKind,
}

impl Field {
    /// Its type, as Rust writes it (`u32`, `[u32; 10]`); of a struct the kernel's name.
    pub fn type_name(&self) -> String {
        let bits = self.size * 8;
        match self.kind {
            FieldKind::Unsigned | FieldKind::Flags(_) => format!("u{bits}"),
            FieldKind::Signed => format!("i{bits}"),
            FieldKind::Struct(layout) => layout.name.into(),
            FieldKind::Spare => format!("[u32; {}]", self.size / size_of::<u32>()),
        }
    }
}

/// How to read the bytes of a field.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// A number from 0 up.
    Unsigned,
    /// A number that may be negative.
    Signed,
    /// A set of flags; the function prints their names.
    Flags(fn(u32) -> String),
    /// A struct in the struct.
    Struct(&'static Layout),
    /// Words kept free for later versions.
    Spare,
}

/// A type that a field may have.
pub trait FieldType {
    /// How to read its bytes.
    const KIND: FieldKind;
}

impl FieldType for u16 {
    const KIND: FieldKind = FieldKind::Unsigned;
}
impl FieldType for u32 {
    const KIND: FieldKind = FieldKind::Unsigned;
}
impl FieldType for u64 {
    const KIND: FieldKind = FieldKind::Unsigned;
}
impl FieldType for i32 {
    const KIND: FieldKind = FieldKind::Signed;
}
impl FieldType for i64 {
    const KIND: FieldKind = FieldKind::Signed;
}
impl<const N: usize> FieldType for [u32; N] {
    const KIND: FieldKind = FieldKind::Spare;
}
impl<T: WireStruct> FieldType for T {
    const KIND: FieldKind = FieldKind::Struct(&T::WIRE_LAYOUT);
}

/// `type` is a keyword in Rust and a field in C: `r#type` loses its prefix.
pub(super) const fn kernel_name(rust_name: &'static str) -> &'static str {
    match rust_name.as_bytes() {
        [b'r', b'#', ..] => rust_name.split_at(2).1,
        _ => rust_name,
    }
}

/// Defines a struct of the protocol. The size in the head is checked by the compiler.
macro_rules! wire_struct {
    (
        $(#[$doc:meta])*
        $name:ident = $kernel_name:literal, $size:literal bytes {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        const _: () = assert!(size_of::<$name>() == $size);

        impl $crate::abi::WireStruct for $name {
            const NAME: &'static str = $kernel_name;
            const SIZE: usize = $size;
            const FIELDS: &'static [$crate::abi::Field] = &[
                $($crate::abi::Field {
                    name: $crate::abi::layout::kernel_name(stringify!($field)),
                    offset: std::mem::offset_of!($name, $field),
                    size: size_of::<$type>(),
                    kind: <$type as $crate::abi::layout::FieldType>::KIND,
                },)*
            ];
        }
    };
}
pub(super) use wire_struct;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{CuseInitOut, GetattrIn, InitOut, LkOut, NotifyInvalInodeOut, OutHeader};

    #[test]
    fn a_field_tells_its_type_as_rust_writes_it() {
        for (fields, name, type_name) in [
            (OutHeader::FIELDS, "error", "i32"),
            (OutHeader::FIELDS, "unique", "u64"),
            (InitOut::FIELDS, "max_background", "u16"),
            (GetattrIn::FIELDS, "getattr_flags", "u32"),
            (NotifyInvalInodeOut::FIELDS, "off", "i64"),
            (CuseInitOut::FIELDS, "spare", "[u32; 10]"),
            (LkOut::FIELDS, "lk", "fuse_file_lock"),
        ] {
            let field = fields.iter().find(|field| field.name == name).expect("a field");
            assert_eq!(field.type_name(), type_name, "{name}");
        }
    }
}
