-- Answers that callers may ask for again, by the keys that they named their calls with.
--
-- Each row is written twice: claimed, and given its answer, which touches no index. Half of a page is left for that.

CREATE TABLE remembered_answers (
    key text COLLATE "C" PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    claimant bytea NOT NULL CHECK (length(claimant) = 16),
    -- Without an answer the key is claimed until then.
    leased_until timestamptz NOT NULL,
    forget_at timestamptz NOT NULL,
    answer bytea
) WITH (fillfactor = 50);

-- Those whose time has passed, the first first.
CREATE INDEX remembered_answers_forget_at ON remembered_answers (forget_at);
