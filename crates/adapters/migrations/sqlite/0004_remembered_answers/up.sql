-- Answers that callers may ask for again, by the keys that they named their calls with. Instants are microseconds since
-- 1970. Kept by row and not by key: an answer may be long, and a walk down a tree of long rows is one.

CREATE TABLE remembered_answers (
    key TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    claimant BLOB NOT NULL CHECK (length(claimant) = 16),
    -- Without an answer the key is claimed until then.
    leased_until INTEGER NOT NULL,
    forget_at INTEGER NOT NULL,
    -- The last column: nothing behind it has to be looked for behind its bytes.
    answer BLOB
) STRICT;

-- Those whose time has passed, the first first.
CREATE INDEX remembered_answers_forget_at ON remembered_answers (forget_at);
