//! the brokers' `uniform` assignor, for members that all subscribe to the same topics (see [`super::uniform_unequal`]): as even as can
//! be, then as few moves as can be.

use super::Partitions;
use crate::ids::PartitionId;

/// of n partitions every one of k members gets floor(n / k), and the first n mod k in their order one more. Who has more gives the
/// last of them back; what nobody has fills up the others in their order. `owned` is what each had before; one share for each.
///
/// Example: 6 partitions, owned {0, 1, 2, 3} and {4, 5}: both get 3, so the first gives 3 back, and the second takes it.
pub fn assign(all: &Partitions, owned: &[Partitions]) -> Vec<Partitions> {
    let Some((each, mut extra)) = all.len().checked_div(owned.len()).map(|each| (each, all.len() % owned.len())) else {
        return Vec::new();
    };
    let had: Partitions = owned.iter().flat_map(Partitions::iter).copied().collect();
    let mut free: Vec<PartitionId> = all.difference(&had).copied().collect();
    let mut shares = Vec::with_capacity(owned.len());
    let mut quotas = Vec::with_capacity(owned.len());
    for had in owned {
        let quota = each + usize::from(extra > 0);
        extra = extra.saturating_sub(1);
        let mut kept = had.iter().copied().filter(|partition| all.contains(partition));
        shares.push(kept.by_ref().take(quota).collect::<Partitions>());
        free.extend(kept);
        quotas.push(quota);
    }
    let mut free = free.into_iter();
    for (share, quota) in shares.iter_mut().zip(quotas) {
        let missing = quota - share.len();
        share.extend(free.by_ref().take(missing));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partitions(numbers: &[u16]) -> Partitions {
        numbers.iter().map(|&n| PartitionId(n)).collect()
    }

    #[test]
    fn surplus_goes_to_those_below_their_quota() {
        let shares = assign(&partitions(&[0, 1, 2, 3, 4, 5]), &[partitions(&[0, 1, 2, 3]), partitions(&[4, 5])]);
        assert_eq!(shares, [partitions(&[0, 1, 2]), partitions(&[3, 4, 5])]);
        // More members than partitions; a partition that is gone.
        let shares = assign(&partitions(&[0, 1]), &[partitions(&[]), partitions(&[1, 7]), partitions(&[])]);
        assert_eq!(shares, [partitions(&[0]), partitions(&[1]), partitions(&[])]);
        assert_eq!(assign(&partitions(&[0]), &[]), Vec::<Partitions>::new());
    }

    proptest! {
        /// INV-67: everything is assigned once, as evenly as can be, and a second time nothing moves.
        #[test]
        fn it_is_even_and_sticky(n in 0_u16..12, owners in proptest::collection::vec(0_usize..5, 12), members in 1_usize..5) {
            let all: Partitions = (0..n).map(PartitionId).collect();
            let mut owned = vec![Partitions::new(); members];
            for (&partition, &owner) in all.iter().zip(&owners) {
                if owner < members {
                    owned[owner].insert(partition);
                }
            }
            let shares = assign(&all, &owned);
            let mut given: Vec<PartitionId> = shares.iter().flatten().copied().collect();
            given.sort_unstable();
            prop_assert_eq!(given, all.iter().copied().collect::<Vec<_>>());
            let sizes = shares.iter().map(Partitions::len);
            prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
            prop_assert_eq!(assign(&all, &shares), shares);
        }
    }
}
