//! Pictograms, drawn for this page: 20 x 20, in the colour of the text.

use yew::prelude::*;

/// The pictograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Icon {
    Play,
    Pause,
    Step,
    StepBack,
    Next,
    Previous,
    Start,
    Sun,
    Moon,
    Chevron,
    Close,
    Crash,
    Power,
    Shutdown,
    Restart,
    Disk,
    Plus,
    Share,
    Help,
    Slow,
    Beside,
    Swap,
    File,
    Cut,
    Undo,
    Redo,
}

/// Draws one.
pub fn icon(icon: Icon) -> Html {
    let path = match icon {
        Icon::Play => "M6 3.5v13l11-6.5z",
        Icon::Pause => "M5 4h3.6v12H5zM11.4 4H15v12h-3.6z",
        Icon::Step => "M4 4.5v11l8-5.5zM13.5 4.5H16v11h-2.5z",
        Icon::StepBack => "M16 4.5v11l-8-5.5zM4 4.5h2.5v11H4z",
        Icon::Next => "M3 4.5v11l6-5.5zM9 4.5v11l6-5.5zM15.5 4.5H17v11h-1.5z",
        Icon::Previous => "M17 4.5v11l-6-5.5zM11 4.5v11l-6-5.5zM3 4.5h1.5v11H3z",
        Icon::Start => "M10 3a7 7 0 1 0 7 7h-2.2A4.8 4.8 0 1 1 10 5.200V8l4.600-4L10 0z",
        Icon::Sun => {
            "M10 6.2a3.800 3.800 0 1 0 0 7.600 3.800 3.800 0 0 0 0-7.600zM9.200 1h1.600v3H9.200zM9.200 16h1.600v3H9.200zM1 9.200h3v1.600H1zM16 9.200h3v1.600h-3zM3.100 4.200l1.100-1.100 2.100 2.100-1.100 1.100zM13.700 14.800l1.100-1.100 2.100 2.100-1.100 1.100zM15.800 3.100l1.100 1.100-2.100 2.100-1.100-1.100zM5.200 13.700l1.100 1.100-2.100 2.100-1.100-1.100z"
        }
        Icon::Moon => "M12.800 2.500a7.800 7.800 0 1 0 4.900 10.900A6.400 6.400 0 0 1 12.800 2.500z",
        Icon::Chevron => "M5 7.200l5 5 5-5 1.300 1.400L10 15 3.700 8.600z",
        Icon::Close => {
            "M4.700 3.300 10 8.600l5.300-5.300 1.400 1.400L11.400 10l5.300 5.300-1.400 1.400L10 11.400l-5.300 5.300-1.400-1.400L8.600 10 3.300 4.700z"
        }
        Icon::Crash => "M11.500 1 4 11.500h4.800L7.500 19 16 8h-5.200z",
        Icon::Power => "M9 1.500h2v8H9zM6 3.600 7 5.400a5.500 5.500 0 1 0 6 0l1-1.800a7.500 7.500 0 1 1-8 0z",
        Icon::Shutdown => "M9 2h2v8l3-3 1.400 1.400L10 13.800 4.600 8.400 6 7l3 3zM4 16h12v2H4z",
        Icon::Disk => {
            "M3 5.500C3 3.500 6 2 10 2s7 1.500 7 3.500v9c0 2-3 3.500-7 3.500s-7-1.500-7-3.500zM5 8v6.500c0 .8 2 1.500 5 1.500s5-.7 5-1.500V8c-1.300.7-3 1-5 1s-3.700-.3-5-1z"
        }
        Icon::Share => "M10 1l5 5-1.400 1.400L11 4.800V13H9V4.800L6.400 7.400 5 6zM3 10h2v7h10v-7h2v9H3z",
        Icon::Help => {
            "M10 1.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zm0 2a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM9 13h2v2H9zM10 5c2 0 3.300 1.200 3.300 2.800 0 1.300-.8 2-1.500 2.600-.6.500-.8.800-.8 1.600H9c0-1.700.8-2.400 1.500-3 .5-.400.8-.700.8-1.200 0-.600-.5-1-1.300-1-.8 0-1.400.5-1.500 1.300l-2-.3C6.700 6.100 8 5 10 5z"
        }
        Icon::Slow => {
            "M2 15h16v2H2zM10 3a7 7 0 0 1 7 7v3h-2v-3a5 5 0 0 0-10 0v3H3v-3a7 7 0 0 1 7-7zM9.300 6.500l1.400-.500 1.300 5.500a2 2 0 1 1-3.200.300z"
        }
        Icon::Beside => "M2 4h7v12H2zM4 6v8h3V6zM11 4h7v12h-7z",
        Icon::Swap => "M6 3l-4 4 4 4V8h9V6H6zM14 9v3H5v2h9v3l4-4z",
        Icon::File => "M4 1.500h8l4 4V18.500H4zM6 3.500v13h8V7h-3.500V3.500z",
        Icon::Cut => "M1 9h6v2H1zM13 9h6v2h-6zM9.500 3l1.800.900-3 13-1.800-.900z",
        Icon::Undo => "M8 3v3.500h4a5 5 0 0 1 0 10H6v-2h6a3 3 0 0 0 0-6H8V12L2.500 7.500z",
        Icon::Redo => "M12 3v3.500H8a5 5 0 0 0 0 10h6v-2H8a3 3 0 0 1 0-6h4V12l5.500-4.500z",
        Icon::Plus => "M9 3h2v6h6v2h-6v6H9v-6H3V9h6z",
        Icon::Restart => "M10 3.500V.8l4.600 3.700L10 8.200V5.500a4.700 4.700 0 1 0 4.700 4.700h2A6.700 6.700 0 1 1 10 3.500z",
    };
    html! { <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d={path} fill="currentColor" fill-rule="evenodd" /></svg> }
}
