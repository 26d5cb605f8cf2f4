//! What the files of a crate declare and name: modules, items, imports, and the paths in their code.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Meta, Path, TraitItem, UseTree, Visibility};

use crate::architecture::sources::Source;

/// A module, in a file of its own or in another's.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The module whose file it is in.
    pub(super) file: String,
    /// The path of that file.
    pub(super) source: String,
    /// The names of the modules in it.
    pub(super) children: BTreeSet<String>,
    /// The names of whatever else it defines.
    pub(super) items: BTreeSet<String>,
    /// Those of its macros.
    pub(super) macros: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// The paths in its code.
    pub(super) paths: Vec<Named>,
}

/// A name that `use` brings in.
#[derive(Debug)]
pub(super) struct Import {
    /// The name; `None` for a glob.
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
    /// Whether others than the module and those in it may use the name.
    pub(super) is_public: bool,
    pub(super) line: usize,
}

/// A path in code.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    /// Whether a macro is called by it: its name may be in scope by the order of the text.
    pub(super) is_macro: bool,
    pub(super) line: usize,
}

/// Reads the modules of a crate whose root is in `folder`, by their paths; test modules are left out.
pub(super) fn read(sources: &[Source], folder: &str) -> BTreeMap<String, Module> {
    let mut modules = BTreeMap::new();
    let mut test_modules = BTreeSet::new();
    for source in sources {
        let path = module_of(&source.path, folder);
        let mut reader = Reader {
            source: &source.path,
            file: path.clone(),
            at: path.clone(),
            modules: BTreeMap::new(),
            test_modules: &mut test_modules,
        };
        reader.module();
        reader.visit_file(&source.file);
        modules.append(&mut reader.modules);
    }
    let is_test = |path: &str| {
        let mut tests = test_modules.iter();
        tests.any(|test| path == test || super::is_below(path, test))
    };
    modules.retain(|path, _| !is_test(path));
    let children: Vec<String> = modules.keys().cloned().collect();
    for path in children {
        let (parent, name) = path.rsplit_once("::").unwrap_or(("", &path));
        if !path.is_empty()
            && let Some(parent) = modules.get_mut(parent)
        {
            parent.children.insert(name.to_owned());
        }
    }
    modules
}

/// The module that a file is: `engine/lane.rs` is `engine::lane`, `engine/mod.rs` is `engine`, `lib.rs` is the root.
fn module_of(path: &str, folder: &str) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
    let stem = below.strip_suffix(".rs").unwrap_or(below);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        String::new()
    } else {
        stem.replace('/', "::")
    }
}

struct Reader<'a> {
    source: &'a str,
    /// The module of the file.
    file: String,
    /// The module being read.
    at: String,
    modules: BTreeMap<String, Module>,
    test_modules: &'a mut BTreeSet<String>,
}

impl Reader<'_> {
    fn module(&mut self) -> &mut Module {
        let module = self.modules.entry(self.at.clone()).or_default();
        if module.source.is_empty() {
            self.source.clone_into(&mut module.source);
            self.file.clone_into(&mut module.file);
        }
        module
    }

    fn name(&mut self, path: Vec<String>, is_macro: bool, line: usize) {
        self.module().paths.push(Named { path, is_macro, line });
    }

    fn name_path(&mut self, path: &Path, is_macro: bool) {
        let names = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
        let first = path.segments.first();
        self.name(
            names,
            is_macro,
            first.map_or(0, |first| first.ident.span().start().line),
        );
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String], is_public: bool) {
        let with = |name: &syn::Ident| [prefix, &[plain(name)]].concat();
        let (name, path, at) = match tree {
            UseTree::Path(path) => return self.import(&path.tree, &with(&path.ident), is_public),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_public);
                }
                return;
            }
            UseTree::Glob(glob) => (None, prefix.to_vec(), glob.star_token.spans[0]),
            UseTree::Name(name) if name.ident == "self" => (prefix.last().cloned(), prefix.to_vec(), name.ident.span()),
            UseTree::Name(name) => (Some(plain(&name.ident)), with(&name.ident), name.ident.span()),
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" {
                    prefix.to_vec()
                } else {
                    with(&rename.ident)
                };
                (Some(plain(&rename.rename)), path, rename.ident.span())
            }
        };
        self.module().imports.push(Import {
            name,
            path,
            is_public,
            line: at.start().line,
        });
    }

    /// The paths among the tokens of a macro or an attribute.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        // What comes before the path: `.` makes a field of it, `::` a part of something else.
        let (mut before, mut colons) = (' ', 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 || path.is_empty() {
                        self.end(&mut path, line);
                        line = name.span().start().line;
                    }
                    let goes_on = colons == 2 && !path.is_empty();
                    if goes_on || (before != '.' && colons != 2) {
                        path.push(plain(&name));
                    }
                    (before, colons) = (' ', 0);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Punct(mark) => {
                    self.end(&mut path, line);
                    (before, colons) = (mark.as_char(), 0);
                }
                TokenTree::Group(group) => {
                    self.end(&mut path, line);
                    self.scan(group.stream());
                    (before, colons) = (' ', 0);
                }
                TokenTree::Literal(_) => {
                    self.end(&mut path, line);
                    (before, colons) = (' ', 0);
                }
            }
        }
        self.end(&mut path, line);
    }

    fn end(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.name(std::mem::take(path), false, line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = declared(item);
        if is_for_tests(attributes) {
            if let Item::Mod(module) = item {
                let path = self.below(&module.ident);
                self.test_modules.insert(path);
            }
            return;
        }
        if matches!(item, Item::Macro(_)) {
            self.module().macros.extend(name.clone());
        }
        self.module().items.extend(name);
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = match item {
            TraitItem::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            let outside = self.at.clone();
            self.at = self.below(&item.ident);
            self.module();
            visit::visit_item_mod(self, item);
            self.at = outside;
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let is_public = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, &[], is_public);
        }
    }

    /// `pub(super)` needs nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.name_path(path, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.name_path(&called.path, true);
        self.scan(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
        }
    }
}

impl Reader<'_> {
    fn below(&self, name: &syn::Ident) -> String {
        if self.at.is_empty() {
            plain(name)
        } else {
            format!("{}::{}", self.at, plain(name))
        }
    }
}

/// A name without `r#`.
fn plain(name: &syn::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

/// The attributes of an item, and the name that it defines unless it is a module.
fn declared(item: &Item) -> (&[Attribute], Option<String>) {
    let (attributes, name) = match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Mod(item) => (&item.attrs, None),
        Item::Use(item) => (&item.attrs, None),
        _ => return (&[], None),
    };
    (attributes, name.map(plain))
}

/// Whether attributes keep something out of all builds but tests.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        let mut condition = list.tokens.clone().into_iter();
        attribute.path().is_ident("cfg")
            && match (condition.next(), condition.next()) {
                (Some(TokenTree::Ident(only)), None) => only == "test",
                (Some(TokenTree::Ident(all)), Some(TokenTree::Group(conditions))) if all == "all" => {
                    let mut conditions = conditions.stream().into_iter();
                    conditions.any(|token| matches!(token, TokenTree::Ident(name) if name == "test"))
                }
                _ => false,
            }
    })
}
