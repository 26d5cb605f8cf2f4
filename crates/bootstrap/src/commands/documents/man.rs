//! `earmark man`: manual pages, made of the help of each command.
//!
//! What follows the options in the help becomes sections of their own: the examples, the exit codes, and what else there
//! is. A table among it keeps its columns.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, roman};

use crate::failure::Failure;
use crate::output::print;

/// The part of the manual: commands that people run.
const SECTION: &str = "1";

/// How help announces examples and exit codes.
const EXAMPLES: &str = "Examples:";
const EXIT_CODES: &str = "Exit codes:";

/// Writes the pages of a command and all its subcommands into a folder, or the first page to standard output.
///
/// # Errors
/// When a page can't be written.
pub(crate) fn run(command: Command, folder: Option<&Path>) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("the manual can't be written: {error}"));
    let pages = pages(command).map_err(failed)?;
    let Some(folder) = folder else {
        if let Some((_, page)) = pages.first() {
            print(page.trim_end())?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, page) in &pages {
        fs::write(folder.join(name), page).map_err(failed)?;
    }
    print(format_args!("{} pages are in {}", pages.len(), folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The pages of a command and its subcommands, each with the name of its file. Its own is the first.
///
/// # Errors
/// When a page can't be rendered.
pub(crate) fn pages(command: Command) -> io::Result<Vec<(String, String)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, String)>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.{SECTION}"), page(command, name)?));
    command.get_subcommands().try_for_each(|command| add(command, pages))
}

fn page(command: &Command, name: &str) -> io::Result<String> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    // Without a date, so that the same sources make the same pages; the crate would leave its place out.
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        page,
        ".TH {name} {SECTION} \"\" \"earmark {version}\" \"Earmark Manual\""
    )?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_help() {
        sections(&help.to_string()).to_writer(&mut page)?;
    }
    String::from_utf8(page).map_err(io::Error::other)
}

/// What follows the options, as sections.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut has_notes = false;
    for paragraph in help.split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix(EXAMPLES) {
            roff.control("SH", ["EXAMPLES"]);
            verbatim(&mut roff, examples.trim_start_matches('\n'));
        } else if let Some(codes) = paragraph.strip_prefix(EXIT_CODES) {
            roff.control("SH", ["EXIT STATUS"]);
            fill(&mut roff, codes.trim_start());
        } else {
            if has_notes {
                roff.control("PP", []);
            } else {
                roff.control("SH", ["NOTES"]);
                has_notes = true;
            }
            if paragraph.contains("  ") {
                verbatim(&mut roff, paragraph);
            } else {
                fill(&mut roff, paragraph);
            }
        }
    }
    roff
}

/// Lines as they are.
fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    fill(roff, text);
    roff.control("fi", []);
}

fn fill(roff: &mut Roff, text: &str) {
    for line in text.lines() {
        roff.text([roman(line)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_and_exit_codes_have_sections_of_their_own_and_a_table_keeps_its_columns() {
        let help = "As\nit is.\n\na  1\nbc 2\n\nExamples:\n  run -x\n  .run\n\nExit codes: 0 done; 1 not.";
        let page = sections(help).to_roff();
        assert_eq!(
            page,
            ".SH NOTES\nAs\nit is.\n.PP\n.nf\na  1\nbc 2\n.fi\n.SH EXAMPLES\n.nf\n  run \\-x\n  .run\n.fi\n\
             .SH \"EXIT STATUS\"\n0 done; 1 not.\n"
        );
    }
}
