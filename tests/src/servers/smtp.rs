//! A mail server that follows a script, and keeps what it takes.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long it waits for a client that says nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it waits with an answer where it does: long enough for a case to stop the client meanwhile.
const WAITS: Duration = Duration::from_millis(500);

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The server greets.
    Greeting,
    /// The client has introduced itself.
    Hello,
    /// It has named the sender,
    Sender,
    /// a recipient,
    Recipient,
    /// and wants to send the mail.
    Data,
    /// It has sent the end of the mail.
    End,
}

/// What the server does in one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It takes the mail.
    Takes,
    /// It says this at a stage, and hangs up after a 421.
    Says(Stage, &'static str),
    /// It says this of one recipient.
    SaysOf(&'static str, &'static str),
    /// It says nothing more from this stage on.
    HangsAt(Stage),
    /// It hangs up at this stage.
    DropsAt(Stage),
    /// It takes the mail, and hangs up without an answer.
    TakesAndDrops,
    /// It takes the mail, and says nothing more.
    TakesAndHangs,
    /// It takes the mail, and waits a while before it answers at this stage.
    WaitsAt(Stage),
    /// It begins a line at this stage, and never ends it.
    BabblesAt(Stage),
}

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// The sender, as the command named it.
    pub from: String,
    /// The recipients that were taken.
    pub to: Vec<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it arrived.
    pub at: SystemTime,
}

#[derive(Debug, Default)]
struct Desk {
    script: VecDeque<Deed>,
    /// What it does when the script has ended; `None`: it takes everything.
    otherwise: Option<Deed>,
    conversations: usize,
    log_ins: Vec<String>,
    babbled: usize,
    taken: Vec<TakenMail>,
}

/// What a conversation ended with.
#[derive(Debug)]
pub enum Ending<S> {
    /// It is over.
    Over,
    /// The connection is to be encrypted.
    Encrypts(S),
}

/// A mail server. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SmtpScript(Arc<Mutex<Desk>>);

impl SmtpScript {
    /// Does these things, one a conversation, and takes everything after that.
    pub fn plays(&self, deeds: impl IntoIterator<Item = Deed>) {
        self.desk().script = deeds.into_iter().collect();
    }

    /// Does this in every conversation that the script does not have.
    pub fn always(&self, deed: Deed) {
        self.desk().otherwise = Some(deed);
    }

    /// The mails that were taken.
    ///
    /// # Panics
    /// When a conversation did.
    #[must_use]
    pub fn taken(&self) -> Vec<TakenMail> {
        self.desk().taken.clone()
    }

    /// How many conversations were begun.
    #[must_use]
    pub fn conversations(&self) -> usize {
        self.desk().conversations
    }

    /// What clients have logged in with, as they said it.
    #[must_use]
    pub fn log_ins(&self) -> Vec<String> {
        self.desk().log_ins.clone()
    }

    /// How many bytes of endless lines it got rid of.
    #[must_use]
    pub fn babbled(&self) -> usize {
        self.desk().babbled
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.0.lock().expect("no conversation panics")
    }

    /// Begins a conversation.
    ///
    /// # Errors
    /// When the client hangs up.
    pub async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, offers: &str) -> io::Result<Ending<S>> {
        let deed = {
            let mut desk = self.desk();
            desk.conversations += 1;
            let next = desk.script.pop_front();
            next.or_else(|| desk.otherwise.clone()).unwrap_or(Deed::Takes)
        };
        let mut talk = Talk {
            stream: BufReader::new(stream),
            deed,
            script: self.clone(),
        };
        if talk.at(Stage::Greeting, "220 sink").await? {
            return talk.go_on(offers).await;
        }
        Ok(Ending::Over)
    }

    /// Goes on with a conversation that is encrypted now.
    ///
    /// # Errors
    /// When the client hangs up.
    pub async fn talk_on<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, offers: &str) -> io::Result<Ending<S>> {
        let talk = Talk {
            stream: BufReader::new(stream),
            deed: Deed::Takes,
            script: self.clone(),
        };
        talk.go_on(offers).await
    }
}

struct Talk<S> {
    stream: BufReader<S>,
    deed: Deed,
    script: SmtpScript,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn go_on(mut self, offers: &str) -> io::Result<Ending<S>> {
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = self.line().await?;
            let upper = line.to_ascii_uppercase();
            let goes_on = if upper.starts_with("EHLO") {
                self.at(Stage::Hello, &format!("250-sink\r\n{offers}250 8BITMIME"))
                    .await?
            } else if upper.starts_with("STARTTLS") {
                self.say("220 go on").await?;
                return Ok(Ending::Encrypts(self.stream.into_inner()));
            } else if upper.starts_with("AUTH") {
                self.script.desk().log_ins.push(line);
                self.say("235 known").await?;
                true
            } else if upper.starts_with("MAIL FROM:") {
                from = address(&line);
                self.at(Stage::Sender, "250 ok").await?
            } else if upper.starts_with("RCPT TO:") {
                self.recipient(address(&line), &mut to).await?
            } else if upper.starts_with("DATA") {
                if !self.at(Stage::Data, "354 go on").await? {
                    return Ok(Ending::Over);
                }
                let said = matches!(self.deed, Deed::Says(Stage::Data, _));
                said || self.mail(&from, &to).await?
            } else if upper.starts_with("QUIT") {
                self.say("221 bye").await?;
                false
            } else {
                self.say("502 what?").await?;
                true
            };
            if !goes_on {
                return Ok(Ending::Over);
            }
        }
    }

    /// Answers of a recipient.
    async fn recipient(&mut self, named: String, to: &mut Vec<String>) -> io::Result<bool> {
        if let Deed::SaysOf(recipient, answer) = &self.deed
            && *recipient == named
        {
            let answer = *answer;
            self.say(answer).await?;
            return Ok(true);
        }
        let goes_on = self.at(Stage::Recipient, "250 ok").await?;
        if !matches!(self.deed, Deed::Says(Stage::Recipient, _)) {
            to.push(named);
        }
        Ok(goes_on)
    }

    /// Reads a mail. Answers whether the conversation goes on.
    async fn mail(&mut self, from: &str, to: &[String]) -> io::Result<bool> {
        let mut bytes = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(false);
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend(line.strip_prefix(b".").unwrap_or(&line));
        }
        let is_taken = !matches!(
            self.deed,
            Deed::Says(Stage::End, _)
                | Deed::HangsAt(Stage::End)
                | Deed::DropsAt(Stage::End)
                | Deed::BabblesAt(Stage::End)
        );
        if is_taken {
            #[expect(clippy::disallowed_methods, reason = "a mail server goes by a clock of its own")]
            let at = SystemTime::now();
            let mail = TakenMail {
                from: from.to_owned(),
                to: to.to_vec(),
                bytes,
                at,
            };
            self.script.desk().taken.push(mail);
        }
        match self.deed {
            Deed::TakesAndDrops => Ok(false),
            Deed::TakesAndHangs => self.hang().await,
            _ => self.at(Stage::End, "250 taken").await,
        }
    }

    /// Answers at a stage, unless the script has something else. Answers whether the conversation goes on.
    async fn at(&mut self, stage: Stage, usual: &str) -> io::Result<bool> {
        match self.deed {
            Deed::Says(at, answer) if at == stage => {
                self.say(answer).await?;
                Ok(!answer.starts_with("421"))
            }
            Deed::HangsAt(at) if at == stage => self.hang().await,
            Deed::DropsAt(at) if at == stage => Ok(false),
            Deed::BabblesAt(at) if at == stage => self.babble().await,
            Deed::WaitsAt(at) if at == stage => {
                tokio::time::sleep(WAITS).await;
                self.say(usual).await.map(|()| true)
            }
            _ => self.say(usual).await.map(|()| true),
        }
    }

    /// Says nothing until the client hangs up.
    async fn hang(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        while self.stream.read_line(&mut line).await? > 0 {
            line.clear();
        }
        Ok(false)
    }

    /// Begins a line, and goes on until the client hangs up.
    async fn babble(&mut self) -> io::Result<bool> {
        self.stream.write_all(b"250 ").await?;
        loop {
            let written = self.stream.write(&[b'a'; 64 * 1024]).await?;
            self.script.desk().babbled += written;
        }
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        self.stream.write_all(answer.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        match read {
            Ok(Ok(0)) | Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => Ok(line.trim_end().to_owned()),
            Ok(Err(error)) => Err(error),
        }
    }
}

fn address(line: &str) -> String {
    let (_, address) = line.split_once('<').unwrap_or_default();
    address.split('>').next().unwrap_or_default().to_owned()
}

/// A mail server on a port of its own. It ends with this value.
#[derive(Debug)]
pub struct SmtpSink {
    port: u16,
    /// What it does.
    pub script: SmtpScript,
    listens: JoinHandle<()>,
}

impl SmtpSink {
    /// Starts a server.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        Self::offering("").await
    }

    /// Starts a server that offers these extensions: lines as in `250-SMTPUTF8\r\n`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn offering(offers: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let script = SmtpScript::default();
        let plays = script.clone();
        let listens = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = plays.clone();
                // A client that hangs up is the client's affair.
                tokio::spawn(async move { drop(script.talk(stream, offers).await) });
            }
        });
        Self { port, script, listens }
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.listens.abort();
    }
}
