//! "Did you mean ...?"

/// The candidate nearest to what was written, if one is near enough to be what was meant.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_of(written, &mut candidates.into_iter())
}

/// The same in one piece of code, whatever the candidates come from.
fn nearest_of<'a>(written: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    // Distances cost the product of the lengths: what is longer than any name is not a slip of the pen.
    if written.len() > 120 {
        return None;
    }
    let allowed = 1 + written.chars().count() / 4;
    let lower = written.to_ascii_lowercase();
    candidates
        .filter(|candidate| candidate.len().abs_diff(lower.len()) <= 4 * allowed)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_ascii_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean ...?` or nothing.
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean `{name}`?"))
}
