//! Rust sources, parsed: comments and documentation are left out, and neither a macro nor a line break hides anything.

use std::path::Path;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use walkdir::WalkDir;

use super::workspace::Unreadable;

/// One Rust file.
pub struct Source {
    /// Its path below the workspace.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its structure.
    pub file: syn::File,
    /// Its tokens in order, those of macros and attributes included, documentation left out.
    pub tokens: Vec<Token>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its kind.
    pub kind: TokenKind,
    /// As written; a string without its quotes, a name without `r#`. `::` is one token.
    pub text: String,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or a keyword.
    Name,
    /// A string, byte string or C string.
    Text,
    /// Anything else: punctuation, brackets, numbers, lifetimes.
    Other,
}

impl Source {
    /// Parses a text as Rust.
    ///
    /// # Errors
    /// When it is not Rust.
    pub fn parse(path: impl Into<String>, text: &str) -> Result<Self, Unreadable> {
        let path = path.into();
        let file = syn::parse_file(text).map_err(|error| format!("{path}: {error}"))?;
        let stream: TokenStream = text.parse().map_err(|error| format!("{path}: {error}"))?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Ok(Self {
            path,
            text: text.to_owned(),
            file,
            tokens,
        })
    }

    /// A line of the file, as violations name it.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }

    /// The first tokens of all runs that match a phrase: tokens divided by spaces, `*` for any one token.
    #[must_use]
    pub fn find(&self, phrase: &str) -> Vec<&Token> {
        let wanted: Vec<&str> = phrase.split(' ').collect();
        self.tokens
            .windows(wanted.len())
            .filter(|run| {
                run.iter()
                    .zip(&wanted)
                    .all(|(token, text)| *text == "*" || (token.kind != TokenKind::Text && token.text == *text))
            })
            .filter_map(|run| run.first())
            .collect()
    }
}

/// All Rust files in a folder below `root`, or the one file, in the order of their paths.
///
/// # Errors
/// When one can't be read or is not Rust, and when there is none at all.
pub fn below(root: &Path, folder: &str) -> Result<Vec<Source>, Unreadable> {
    let mut sources = Vec::new();
    for entry in WalkDir::new(root.join(folder)).sort_by_file_name() {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            sources.push(Source::parse(name, &text)?);
        }
    }
    if sources.is_empty() {
        return Err(format!("no Rust file in {folder}: there is nothing to check").into());
    }
    Ok(sources)
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let token = |kind, text: String| Token { kind, text, line };
        match tree {
            TokenTree::Ident(name) => {
                let name = name.to_string();
                out.push(token(TokenKind::Name, name.trim_start_matches("r#").to_owned()));
            }
            TokenTree::Literal(literal) => match content(&literal.to_string()) {
                Some(text) => out.push(token(TokenKind::Text, text)),
                None => out.push(token(TokenKind::Other, literal.to_string())),
            },
            TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint => {
                let second = trees.next_if(|next| matches!(next, TokenTree::Punct(mark) if mark.as_char() == ':'));
                let colons = if second.is_some() { "::" } else { ":" };
                out.push(token(TokenKind::Other, colons.to_owned()));
            }
            TokenTree::Punct(mark) => out.push(token(TokenKind::Other, mark.to_string())),
            TokenTree::Group(group) => {
                let after_hash = matches!(out.last(), Some(token) if token.text == "#" || token.text == "!");
                if after_hash && group.delimiter() == Delimiter::Bracket && is_documentation(&group.stream()) {
                    while matches!(out.last(), Some(token) if token.text == "#" || token.text == "!") {
                        out.pop();
                    }
                    continue;
                }
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push(token(TokenKind::Other, open.to_owned()));
                flatten(group.stream(), out);
                let line = group.span_close().start().line;
                out.push(Token {
                    kind: TokenKind::Other,
                    text: close.to_owned(),
                    line,
                });
            }
        }
    }
}

/// Whether these are the contents of `#[doc = …]`, which is also what `///` becomes.
fn is_documentation(attribute: &TokenStream) -> bool {
    let mut trees = attribute.clone().into_iter();
    matches!(trees.next(), Some(TokenTree::Ident(name)) if name == "doc")
        && matches!(trees.next(), Some(TokenTree::Punct(mark)) if mark.as_char() == '=')
}

/// The content of a string literal, with escapes as written. `None` for other literals.
fn content(literal: &str) -> Option<String> {
    let start = literal.find('"')?;
    let prefix = &literal[..start];
    let is_text = prefix
        .trim_end_matches('#')
        .chars()
        .all(|c| matches!(c, 'b' | 'c' | 'r'));
    let end = literal.rfind('"').filter(|end| *end > start)?;
    is_text.then(|| literal[start + 1..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Source {
        Source::parse("a.rs", text).expect("the text is Rust")
    }

    fn texts(source: &Source) -> Vec<&str> {
        let of_texts = source.tokens.iter().filter(|token| token.kind == TokenKind::Text);
        of_texts.map(|token| token.text.as_str()).collect()
    }

    #[test]
    fn comments_and_documentation_are_left_out() {
        let source = read("//! diesel\n/// diesel\n#[doc = \"diesel\"]\nfn a() { /* diesel */ } // diesel\n");
        assert!(texts(&source).is_empty());
        assert!(source.find("diesel").is_empty());
        assert_eq!(source.find("fn a").len(), 1);
    }

    #[test]
    fn tokens_in_a_macro_are_read() {
        let source = read("macro_rules! m { () => { extern crate std; } }\nm!(\"SELECT 1\");");
        assert_eq!(source.find("extern crate *").len(), 1);
        assert_eq!(texts(&source), ["SELECT 1"]);
    }

    #[test]
    fn raw_names_and_raw_strings_are_read_like_others() {
        let source = read("fn a() { r#std::b(r#\"x\"#, b\"y\", 'z', '\"', 7); }");
        assert_eq!(source.find("std :: b").len(), 1);
        assert_eq!(texts(&source), ["x", "y"]);
    }

    #[test]
    fn a_line_break_hides_nothing() {
        let found = read("fn a() {\n    Timestamp\n        ::now();\n}");
        assert_eq!(found.find("Timestamp :: now").first().map(|token| token.line), Some(2));
    }
}
