//! Splitting a refund among sales, shipping and tax.

/// Splits `amount` among the parts of `earned`, of which `taken` was refunded before: the refunded sum of each part is as near
/// as possible to its share of the whole refunded sum, and equals the part once all is refunded. Whole minor units, none
/// negative, and their sum is `amount`. `None` when `amount` is zero or more than is left.
///
/// Each part is short of its share of the new sum by some; the amount is apportioned to those shortages by the method of
/// the largest remainder. A part never gets more than its shortage, rounded up, and so never more than is left of it.
pub(super) fn split(earned: [i64; 3], taken: [i64; 3], amount: i64) -> Option<[i64; 3]> {
    let wide = |amounts: [i64; 3]| amounts.map(i128::from);
    let (earned, taken) = (wide(earned), wide(taken));
    let (total, amount) = (earned.iter().sum::<i128>(), i128::from(amount));
    let back = taken.iter().sum::<i128>() + amount;
    let is_possible =
        total > 0 && amount > 0 && back <= total && earned.iter().zip(taken).all(|(part, taken)| *part >= taken);
    // In units of one `total`th.
    let short = std::array::from_fn(|nth| (back * earned[nth] - taken[nth] * total).max(0));
    if is_possible { apportion(amount, short) } else { None }
}

/// `amount` by weight: the whole units first, the rest one each to the largest remainders, the first of equal ones first.
fn apportion(amount: i128, weights: [i128; 3]) -> Option<[i64; 3]> {
    let sum = weights.iter().sum::<i128>();
    if sum == 0 {
        return None;
    }
    let mut parts = weights.map(|weight| amount * weight / sum);
    let rest = usize::try_from(amount - parts.iter().sum::<i128>()).ok()?;
    let mut by_remainder = [0, 1, 2];
    by_remainder.sort_by_key(|nth| std::cmp::Reverse(amount * weights[*nth] % sum));
    for nth in by_remainder.into_iter().take(rest) {
        parts[nth] += 1;
    }
    let narrow = parts.map(|part| i64::try_from(part).ok());
    Some([narrow[0]?, narrow[1]?, narrow[2]?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_takes_from_each_part_its_share() {
        assert_eq!(split([1000, 500, 120], [0; 3], 100), Some([62, 31, 7]), "61.7, 30.9 and 7.4");
        assert_eq!(split([1000, 500, 120], [62, 31, 7], 20), Some([12, 6, 2]), "74.07, 37.04 and 8.89 in all");
        assert_eq!(split([1000, 500, 120], [74, 37, 9], 1500), Some([926, 463, 111]), "all that is left");
        assert_eq!(split([1000, 0, 80], [0; 3], 1), Some([1, 0, 0]));
    }

    #[test]
    fn more_than_was_earned_is_split_over_nothing() {
        assert_eq!(split([1000, 500, 120], [0; 3], 1621), None);
        assert_eq!(split([1000, 500, 120], [1000, 500, 120], 1), None);
        assert_eq!(split([0; 3], [0; 3], 1), None);
        assert_eq!(split([1000, 500, 120], [0; 3], 0), None);
        assert_eq!(split([1000, 0, 0], [0, 5, 0], 10), None, "what was taken was never earned");
    }

    #[test]
    fn whatever_is_given_back_in_whatever_parts_the_shares_are_exact() {
        let mut random = fastrand::Rng::with_seed(26);
        for round in 0..3_000 {
            let large = [10, 1_000, 1_000_000, 330_000_000_000][round % 4];
            let earned = std::array::from_fn(|_| if random.u8(..4) == 0 { 0 } else { random.i64(0..large) });
            let total: i64 = earned.iter().sum();
            let mut refunds: Vec<[i64; 3]> = Vec::new();
            loop {
                let taken: [i64; 3] = std::array::from_fn(|nth| refunds.iter().map(|refund| refund[nth]).sum());
                let back: i64 = taken.iter().sum();
                assert!(
                    taken.iter().zip(earned).all(|(taken, part)| (0..=part).contains(taken)),
                    "{earned:?} {refunds:?}"
                );
                for (taken, part) in taken.iter().zip(earned) {
                    let distance = i128::from(*taken) * i128::from(total) - i128::from(back) * i128::from(part);
                    assert!(
                        distance.abs() <= (2 + refunds.len() as i128) * i128::from(total),
                        "{earned:?} {refunds:?}: no share of {back}"
                    );
                }
                if back == total {
                    assert_eq!(taken, earned);
                    break;
                }
                if refunds.len() > 3 && random.u8(..4) == 0 {
                    // One of them fails: what it took is put back.
                    refunds.swap_remove(random.usize(..refunds.len()));
                    continue;
                }
                let left = total - back;
                let amount = match random.u8(..4) {
                    0 => left,
                    1 => 1,
                    _ => random.i64(1..=left),
                };
                let parts = split(earned, taken, amount).unwrap();
                assert_eq!(parts.iter().sum::<i64>(), amount);
                assert!(parts.iter().all(|part| *part >= 0));
                refunds.push(parts);
            }
        }
    }

    #[test]
    fn refunds_of_one_unit_each_follow_the_shares() {
        let (earned, mut taken) = ([1000, 500, 120], [0; 3]);
        for back in 1..=1620_i64 {
            let parts = split(earned, taken, 1).unwrap();
            taken = std::array::from_fn(|nth| taken[nth] + parts[nth]);
            for (taken, part) in taken.iter().zip(earned) {
                assert!((taken * 1620 - back * part).abs() <= 1620, "{taken} of {part} after {back}");
            }
        }
        assert_eq!(taken, earned);
    }
}
