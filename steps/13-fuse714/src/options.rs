//! How to mount, and the options that users of fuse(8) know.

use std::fmt;
use std::str::FromStr;

use nix::mount::MsFlags;
use step01_device::SAFE;

/// How to mount.
#[derive(Debug, Clone)]
pub struct MountOptions {
    /// What mount(8) and df(1) show as the source (`fsname=`).
    pub source: String,
    /// What the type `fuse` gets behind it: with `sshfs` it is `fuse.sshfs`.
    pub subtype: Option<String>,
    /// Users other than the one who mounts may enter. Through fusermount3 this takes `user_allow_other` in
    /// /etc/fuse.conf.
    pub allow_other: bool,
    /// The kernel checks owners and modes, as for a disk.
    pub default_permissions: bool,
    /// Nothing can be written.
    pub read_only: bool,
    /// The most that one READ asks for, in bytes.
    pub max_read: Option<u32>,
    /// Of mount(2)'s other flags these. Without privilege MS_NOSUID and MS_NODEV stay set.
    pub flags: MsFlags,
    /// Who mounts.
    pub by: MountBy,
    /// SIGINT, SIGTERM and SIGHUP unmount, in the whole process. Then mount before starting threads.
    pub signals: bool,
}

/// Who mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountBy {
    /// This process if it may, and fusermount3 if not.
    Auto,
    /// This process, by mount(2): for root (CAP_SYS_ADMIN).
    Direct,
    /// fusermount3(1), a small program that is root for those who are not. It is in the package fuse3.
    Fusermount,
}

impl Default for MountOptions {
    fn default() -> MountOptions {
        MountOptions {
            source: "fuse714".into(),
            subtype: None,
            allow_other: false,
            default_permissions: false,
            read_only: false,
            max_read: None,
            flags: SAFE,
            by: MountBy::Auto,
            signals: true,
        }
    }
}

/// A flag, the option that sets it, and the one that clears it.
const FLAGS: [(MsFlags, &str, &str); 6] = [
    (MsFlags::MS_NOSUID, "nosuid", "suid"),
    (MsFlags::MS_NODEV, "nodev", "dev"),
    (MsFlags::MS_NOEXEC, "noexec", "exec"),
    (MsFlags::MS_SYNCHRONOUS, "sync", "async"),
    (MsFlags::MS_DIRSYNC, "dirsync", ""),
    (MsFlags::MS_NOATIME, "noatime", "atime"),
];

/// What can be written, for who wrote something else.
const KNOWN: &str = "allow_other, default_permissions, fsname=NAME, subtype=NAME, max_read=BYTES, ro, rw, suid, \
     nosuid, dev, nodev, exec, noexec, sync, async, dirsync, atime, noatime";

impl MountOptions {
    /// Takes options as they are given to mount(8) behind `-o`: `ro,noatime,fsname=a\,b`. A comma that
    /// belongs to a value has a backslash before it.
    ///
    /// # Errors
    ///
    /// An option that there is not, or a value that it cannot have.
    pub fn take(&mut self, list: &str) -> Result<(), OptionError> {
        split(list).iter().try_for_each(|option| self.take_one(option))
    }

    fn take_one(&mut self, option: &str) -> Result<(), OptionError> {
        if let Some((flag, set, _)) =
            FLAGS.iter().find(|(_, set, clear)| option == *set || option == *clear)
        {
            self.flags.set(*flag, option == *set);
            return Ok(());
        }
        match option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value))) {
            ("allow_other", None) => self.allow_other = true,
            ("default_permissions", None) => self.default_permissions = true,
            ("ro", None) => self.read_only = true,
            ("rw", None) => self.read_only = false,
            ("fsname", Some(name)) if !name.is_empty() => self.source = name.into(),
            ("subtype", Some(name)) if !name.is_empty() => self.subtype = Some(name.into()),
            ("max_read", Some(bytes)) => {
                self.max_read = Some(bytes.parse().map_err(|_| OptionError(option.into()))?);
            }
            _ => return Err(OptionError(option.into())),
        }
        Ok(())
    }

    /// `fuse`, or `fuse.SUBTYPE`.
    pub(crate) fn fs_type(&self) -> String {
        self.subtype.as_ref().map_or_else(|| "fuse".into(), |subtype| format!("fuse.{subtype}"))
    }

    /// The flags for mount(2).
    pub(crate) fn all_flags(&self) -> MsFlags {
        let read_only = if self.read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
        self.flags | read_only
    }

    /// The text for mount(2), beside what it always has in it.
    pub(crate) fn for_the_kernel(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.allow_other {
            options.push("allow_other".into());
        }
        if self.default_permissions {
            options.push("default_permissions".into());
        }
        options.extend(self.max_read.map(|bytes| format!("max_read={bytes}")));
        options
    }

    /// The text for fusermount3, which has it all in one list.
    pub(crate) fn for_fusermount(&self) -> String {
        let mut options = self.for_the_kernel();
        options.push(if self.read_only { "ro" } else { "rw" }.into());
        for (flag, set, clear) in FLAGS {
            match self.flags.contains(flag) {
                true => options.push(set.into()),
                // Said only where it is not so anyway: fusermount3 does not know the name of each.
                false if SAFE.contains(flag) => options.push(clear.into()),
                false => {}
            }
        }
        options.push(format!("fsname={}", escaped(&self.source)));
        options.extend(self.subtype.iter().map(|subtype| format!("subtype={}", escaped(subtype))));
        options.join(",")
    }
}

impl FromStr for MountBy {
    type Err = String;

    fn from_str(name: &str) -> Result<MountBy, String> {
        match name {
            "auto" => Ok(MountBy::Auto),
            "direct" => Ok(MountBy::Direct),
            "fusermount" => Ok(MountBy::Fusermount),
            _ => Err("the ways to mount are auto, direct and fusermount".into()),
        }
    }
}

/// At the commas, but for those with a backslash before them. Empty parts are none.
///
/// A backslash makes the character behind it one like any other, be it a comma or a backslash, and is not kept
/// itself: `fsname=a\,b\\c` is one part, `fsname=a,b\c`. At the very end it stands for nothing.
fn split(list: &str) -> Vec<String> {
    // EXERCISE: 13.1
    let mut parts = vec![String::new()];
    let mut rest = list.chars();
    while let Some(char) = rest.next() {
        let last = parts.len() - 1;
        match char {
            ',' => parts.push(String::new()),
            '\\' => parts[last].extend(rest.next()),
            other => parts[last].push(other),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
    // EXERCISE_END: 13.1
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,")
}

/// A mount option that there is not, or whose value is none.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionError(String);

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = &self.0;
        match option.split_once('=').map_or(option.as_str(), |(name, _)| name) {
            "max_read" => write!(f, "{option}: give a number of bytes, as in max_read=65536"),
            name @ ("fsname" | "subtype") => write!(f, "{option}: give a name, as in {name}=mine"),
            "blksize" | "blkdev" => write!(
                f,
                "{option} is for file systems on a block device (fuseblk), and this is none"
            ),
            _ => write!(f, "there is no mount option {option:?}. There are: {KNOWN}"),
        }
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(list: &str) -> Result<MountOptions, OptionError> {
        let mut options = MountOptions::default();
        options.take(list).map(|()| options)
    }

    #[test]
    fn a_list_as_fuse_users_know_it_is_taken() {
        let options =
            taken(r"ro,,noexec,dev,fsname=a\,b\\c,subtype=x,allow_other,max_read=65536,").unwrap();
        let (source, fs_type) = (r"a,b\c", "fuse.x".to_owned());
        assert_eq!((&*options.source, options.fs_type()), (source, fs_type), "source and type");
        assert_eq!(
            options.all_flags(),
            MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY
        );
        assert_eq!(options.for_the_kernel(), ["allow_other", "max_read=65536"]);
    }

    #[test]
    fn a_list_is_split_at_its_commas() {
        let list = r"ro,,fsname=a\,b\\,c,";
        assert_eq!(split(list), ["ro", r"fsname=a,b\", "c"], "parts of {list}");
        assert_eq!(split(r"a\b,c\"), ["ab", "c"], "a backslash is not kept itself");
        assert_eq!(split(",,"), [""; 0], "empty parts are none");
    }

    #[test]
    fn the_last_of_two_that_contradict_wins() {
        let options = taken("ro,noatime,rw,atime,exec,noexec").unwrap();
        assert!(!options.read_only);
        let default = MountOptions::default().flags;
        assert_eq!(options.all_flags(), default | MsFlags::MS_NOEXEC);
    }

    #[test]
    fn fusermount_is_told_all_of_it() {
        assert_eq!(
            taken(r"ro,default_permissions,noatime,fsname=a\,b,subtype=x")
                .unwrap()
                .for_fusermount(),
            r"default_permissions,ro,nosuid,nodev,noatime,fsname=a\,b,subtype=x"
        );
        let unsafe_one = taken("suid,nodev").unwrap().for_fusermount();
        assert_eq!(unsafe_one, "rw,suid,nodev,fsname=fuse714");
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let refused = |list| taken(list).unwrap_err().to_string();
        let unknown = refused("ro,colour=red");
        assert!(
            unknown.starts_with("there is no mount option \"colour=red\". There are: allow_other,")
        );
        // Each that is listed is one.
        for known in KNOWN.split(", ") {
            let option = known.replace("NAME", "n").replace("BYTES", "4096");
            assert!(taken(&option).is_ok(), "{option}");
        }
        assert!(refused("ro=1").contains("there is no mount option"));
        assert!(refused("allow_other=no").contains("there is no mount option"));
        assert_eq!(
            refused("max_read=x"),
            "max_read=x: give a number of bytes, as in max_read=65536"
        );
        assert_eq!(refused("fsname="), "fsname=: give a name, as in fsname=mine");
        assert!(refused("blksize=512").contains("fuseblk"));
    }
}
