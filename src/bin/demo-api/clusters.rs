//! Track ids and the clusters that the server knows. Pure.

/// The clusters known to the server.
const KNOWN: [&str; 7] = [
    "CLUSTER_Q_ETE_CONVERSATION",
    "CLUSTER_Q_NO_EMOTION_ETE_CONVERSATION",
    "CLUSTER_HF_ETE_CONVERSATION",
    "CLUSTER_GPT_4O_ETE_CONVERSATION",
    "CLUSTER_GPT_4O_TEXT_ETE_CONVERSATION",
    "CLUSTER_GPT_35_ETE_CONVERSATION",
    "CLUSTER_GPT_35_RAG_ETE_CONVERSATION",
];

/// The cluster of tasks that were sent without a track id.
pub const DEFAULT: &str = KNOWN[0];

/// Whether the server can start a chain: it looks at what stands between the first two hyphens, and at nothing else.
pub fn can_start(track_id: &str) -> bool {
    track_id.split('-').nth(1).is_some_and(|cluster| KNOWN.contains(&cluster))
}

/// Whether it is `T-{cluster}-{32 hex digits}`.
pub fn is_well_formed(track_id: &str) -> bool {
    let parts: Vec<&str> = track_id.split('-').collect();
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts.as_slice(), ["T", cluster, hex] if !cluster.is_empty() && is_hex(hex))
}

/// A track id as the server invents it; `unique` is 32 hex digits.
pub fn invent(unique: &str) -> String {
    format!("T-{DEFAULT}-{unique}")
}
