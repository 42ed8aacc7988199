//! Where the server finds files: one of four places, as the API says. EDGE.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::http::ApiClient;
use super::rsync::Rsync;
use super::s3::S3;
use super::volume::Volume;
use super::{ApiError, StorageSolution};
use crate::config::StorageConfig;
use crate::item::Item;

/// Puts finished files where the server finds them.
pub trait FileStore: Send + Sync {
    /// Puts an item's file in its place, whole; one that is there already is replaced.
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError>;

    /// Writes a small file, reads it back and removes it.
    ///
    /// # Errors
    /// When it cannot be written: then nothing can be delivered.
    fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError>;
}

/// A small file of a name that no other has.
#[derive(Debug)]
pub struct Probe {
    /// Its own name: it lies beside the folders of recordings.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Where it is here.
    pub file: PathBuf,
}

/// What a place has done with a small file, beyond taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It gave it back as it was, and removed it.
    All,
    /// It has no way to do more; the file stays, under this name.
    Stays(String),
    /// It should have done more. Deliveries need only to write.
    Lacks(String),
}

/// Why a file is not in its place, or may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The API, which takes the files itself, did not take it.
    Api(ApiError),
    /// The place cannot be reached or used at all: what it is, and what to do.
    Away(String),
    /// The place did not take this file, or did not say so; another it may.
    Failed(String),
    /// The item's own file cannot be read.
    File(String),
}

impl StoreError {
    /// What is wrong, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Api(error) => error.to_string(),
            Self::Away(text) | Self::Failed(text) | Self::File(text) => text.clone(),
        }
    }
}

impl FileStore for ApiClient {
    fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        self.upload(item, media).map_err(StoreError::Api)
    }

    fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError> {
        self.upload_probe(probe).map(Tried::Stays).map_err(StoreError::Api)
    }
}

/// The places that can be had, and the one in use.
pub struct Stores {
    api: Arc<ApiClient>,
    config: StorageConfig,
    ca_file: Option<PathBuf>,
    data_dir: PathBuf,
    used: Option<(StorageSolution, Arc<dyn FileStore>)>,
}

impl Stores {
    /// Nothing is used yet. Without a folder of its own, the shared volume is `data_dir`.
    pub fn new(api: Arc<ApiClient>, config: StorageConfig, ca_file: Option<PathBuf>, data_dir: PathBuf) -> Self {
        Self { api, config, ca_file, data_dir, used: None }
    }

    /// Uses this place from now on.
    ///
    /// # Errors
    /// In words, when the configuration does not say enough to use it.
    pub fn choose(&mut self, solution: &StorageSolution) -> Result<(), String> {
        if !self.used.as_ref().is_some_and(|(used, _)| used == solution) {
            self.used = None;
            self.used = Some((solution.clone(), self.open(solution)?));
        }
        Ok(())
    }

    /// Writes a small file to the place in use, reads it back and removes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn try_out(&self, probe: &Probe) -> Result<Tried, StoreError> {
        self.in_use()?.try_out(probe)
    }

    /// Puts a file in the place in use.
    pub fn put(&self, item: &Item, media: &Path) -> Result<(), StoreError> {
        self.in_use()?.put(item, media)
    }

    fn in_use(&self) -> Result<&dyn FileStore, StoreError> {
        match &self.used {
            Some((_, store)) => Ok(store.as_ref()),
            None => Err(StoreError::Away("where files go is not known yet".into())),
        }
    }

    fn open(&self, solution: &StorageSolution) -> Result<Arc<dyn FileStore>, String> {
        let lacks = |section: &str, what: &str| {
            let wanted = format!("the API wants files {what}");
            format!("{wanted}; add [storage.{section}] to listener.toml")
        };
        Ok(match solution {
            StorageSolution::Api => Arc::clone(&self.api) as Arc<dyn FileStore>,
            StorageSolution::S3 => {
                let config = self.config.s3.as_ref().ok_or_else(|| lacks("s3", "in an S3 bucket"))?;
                Arc::new(S3::new(config, self.ca_file.as_deref())?)
            }
            StorageSolution::Local => {
                let config = self.config.local.as_ref().ok_or_else(|| lacks("local", "on a server, by rsync"))?;
                Arc::new(Rsync::new(config)?)
            }
            StorageSolution::Volume => Arc::new(match &self.config.volume_dir {
                Some(share) => Volume::share(share),
                None => Volume::own(&self.data_dir),
            }),
            StorageSolution::Unknown(name) => {
                return Err(format!(
                    "the API wants files by storage solution {name:?}, which is not known; set it to \"api\", \"s3\", \
                     \"local\" or \"volume\" on the server"
                ));
            }
        })
    }
}
