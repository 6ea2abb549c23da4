//! The colours of everything, in one table: the canvas, the SVG and (through [`css`]) the page's stylesheet take them from here.

macro_rules! tokens {
    ($($(#[$doc:meta])* $variant:ident = $css:literal, $light:literal, $dark:literal;)*) => {
        /// A colour by what it means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Token {
            $($(#[$doc])* $variant,)*
        }

        impl Token {
            /// Every token.
            pub const ALL: &'static [Token] = &[$(Token::$variant),*];

            /// Its name in CSS, without the dashes.
            pub fn css_name(self) -> &'static str {
                match self { $(Token::$variant => $css,)* }
            }

            fn light(self) -> &'static str {
                match self { $(Token::$variant => $light,)* }
            }

            fn dark(self) -> &'static str {
                match self { $(Token::$variant => $dark,)* }
            }
        }
    };
}

tokens! {
    /// Behind everything.
    Ground = "ground", "#f3f1ec", "#0d1119";
    /// Panels and cards.
    Surface = "surface", "#fffefb", "#151b26";
    /// A panel inside a panel; a control.
    Raised = "raised", "#f0ede6", "#1f2735";
    /// Hairlines.
    Line = "line", "#d9d4c8", "#2c3647";
    /// Roads between nodes.
    Link = "link", "#bdb5a4", "#43516a";
    /// Borders of controls (3:1 on every ground).
    LineStrong = "line-strong", "#8a8474", "#6b7a93";
    /// Text.
    Ink = "ink", "#1b2130", "#e9edf5";
    /// Secondary text.
    InkSoft = "ink-soft", "#565d6d", "#a3afc3";
    /// What the reader may act on, and what is chosen.
    Accent = "accent", "#2f4bc7", "#8fa8ff";
    /// Text on the accent.
    AccentInk = "accent-ink", "#ffffff", "#0d1330";
    /// The accent as a tint.
    AccentSoft = "accent-soft", "#e4e8fb", "#232d52";
    /// Committed records: below the high watermark.
    Committed = "committed", "#0f766e", "#2dd4bf";
    /// Committed records of Kafka's own topics.
    CommittedQuiet = "committed-quiet", "#7b8494", "#56637b";
    /// Text on committed records.
    CommittedInk = "committed-ink", "#ffffff", "#04211e";
    /// Records above the high watermark: lines of the hatching, outline.
    Appended = "appended", "#a45a06", "#f2b450";
    /// Records above the high watermark: ground.
    AppendedSoft = "appended-soft", "#fbeed3", "#3a2c12";
    /// What is on the disk.
    Disk = "disk", "#3f4656", "#b6c1d4";
    /// The leader's crown.
    Leader = "leader", "#8a5a00", "#f6c453";
    /// Lost, failed, crashed.
    Danger = "danger", "#b3261e", "#ff8a80";
    /// The same as a tint.
    DangerSoft = "danger-soft", "#fbe3e0", "#45191a";
    /// Text on the danger colour.
    DangerInk = "danger-ink", "#ffffff", "#2b0705";
    /// Worth a look: lag, a shrunken ISR.
    Warn = "warn", "#8f5200", "#f2b450";
    /// As it should be.
    Good = "good", "#1a6b3c", "#6fdc9b";
    /// Doubled.
    Twice = "twice", "#7a2fa0", "#d6a2f5";
    /// Produce requests.
    Produce = "produce", "#2f4bc7", "#8fa8ff";
    /// Replica fetches.
    Replicate = "replicate", "#0f766e", "#2dd4bf";
    /// Consumer fetches.
    Fetch = "fetch", "#7a2fa0", "#d6a2f5";
    /// Offsets, metadata, control.
    Control = "control", "#565d6d", "#a3afc3";
    /// Over what is not pointed at: what lies under it is faint.
    Veil = "veil", "#fffefbb8", "#151b26b8";
    /// A process that is down: ground.
    Down = "down", "#e3dfd6", "#0f131b";
}

/// A set of values for the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on paper.
    Light,
    /// Light ink on night.
    Dark,
}

impl Theme {
    /// The colour of a token, as `#rrggbb`.
    pub fn color(self, token: Token) -> &'static str {
        match self {
            Theme::Light => token.light(),
            Theme::Dark => token.dark(),
        }
    }
}

/// The tokens as CSS custom properties: light by default, dark where the system or the page's `data-theme` says so.
pub fn css() -> String {
    let block = |theme: Theme, indent: &str| -> String {
        let scheme = if theme == Theme::Light { "light" } else { "dark" };
        Token::ALL
            .iter()
            .map(|t| format!("{indent}--{}: {};\n", t.css_name(), theme.color(*t)))
            .chain([format!("{indent}color-scheme: {scheme};\n")])
            .collect()
    };
    format!(
        ":root {{\n{}}}\n@media (prefers-color-scheme: dark) {{\n  :root:not([data-theme=\"light\"]) {{\n{}  }}\n}}\n\
         :root[data-theme=\"dark\"] {{\n{}}}\n",
        block(Theme::Light, "  "),
        block(Theme::Dark, "    "),
        block(Theme::Dark, "  "),
    )
}

/// The contrast ratio of two colours (`#rrggbb`), 1 to 21, by WCAG's formula.
pub fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |hex: &str| -> f64 {
        let channel = |i: usize| -> f64 {
            let v = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap_or(0)) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fore: Token, back: Token, at_least: f64) {
        for theme in [Theme::Light, Theme::Dark] {
            let ratio = contrast(theme.color(fore), theme.color(back));
            assert!(ratio >= at_least, "{fore:?} on {back:?} in {theme:?}: {ratio:.2}");
        }
    }

    #[test]
    fn every_text_is_readable_on_every_ground_it_is_used_on() {
        for back in [Token::Ground, Token::Surface, Token::Raised] {
            for fore in [
                Token::Ink,
                Token::InkSoft,
                Token::Accent,
                Token::Committed,
                Token::Danger,
                Token::Warn,
                Token::Good,
                Token::Twice,
                Token::Leader,
            ] {
                check(fore, back, 4.5);
            }
            check(Token::LineStrong, back, 3.0);
        }
        check(Token::AccentInk, Token::Accent, 4.5);
        check(Token::CommittedInk, Token::Committed, 4.5);
        check(Token::DangerInk, Token::Danger, 4.5);
        check(Token::Danger, Token::DangerSoft, 4.5);
        check(Token::Ink, Token::AccentSoft, 4.5);
        check(Token::Accent, Token::AccentSoft, 4.5);
        check(Token::InkSoft, Token::Down, 4.5);
        check(Token::Danger, Token::Down, 4.5);
        check(Token::Appended, Token::AppendedSoft, 3.0);
        check(Token::Committed, Token::Surface, 3.0);
    }

    #[test]
    fn the_stylesheet_has_every_token_in_both_themes() {
        let css = css();
        for token in Token::ALL {
            assert_eq!(css.matches(&format!("--{}:", token.css_name())).count(), 3, "{token:?}");
        }
    }
}
