-- Products, their batches, orders and their lines, the units that lines hold in batches, and the events.
--
-- Names compare by their bytes, so a page has the same order everywhere in the service. Instants are microseconds since
-- 1970; days are text (YYYY-MM-DD). Most tables are kept in the order of their keys (WITHOUT ROWID), so a look-up by
-- key walks one tree and not two.

-- Says whose file it is: "Earm".
PRAGMA application_id = 1164014189;

CREATE TABLE products (
    sku TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    version INTEGER NOT NULL CHECK (version >= 0),
    batches_created INTEGER NOT NULL CHECK (batches_created >= 0),
    safety_stock INTEGER NOT NULL DEFAULT 0 CHECK (safety_stock BETWEEN 0 AND 1000000000),
    depleted INTEGER NOT NULL DEFAULT FALSE CHECK (depleted IN (0, 1)),
    -- When the next hold on the product ends.
    next_expiry INTEGER,
    -- Whether one of its lines may be at risk.
    at_risk INTEGER NOT NULL DEFAULT FALSE CHECK (at_risk IN (0, 1)),
    -- What is left to do of earlier commands, as JSON.
    pending TEXT,
    -- The versions before and after the last holds ended on it.
    expired_from INTEGER,
    expired_to INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX products_pending ON products (sku) WHERE pending IS NOT NULL;
-- The holds that end next. Only a change of that instant touches it.
CREATE INDEX products_next_expiry ON products (next_expiry) WHERE next_expiry IS NOT NULL;

-- The search index: under each piece of a SKU or name, of one to three characters, the products that have it. Written when
-- a product is created or renamed. The index knows rows by number.
CREATE TABLE searchable_products (
    id INTEGER NOT NULL PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE
) STRICT;

CREATE VIRTUAL TABLE product_ngrams USING fts5 (
    ngrams, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii'
);

CREATE TABLE batches (
    reference TEXT NOT NULL PRIMARY KEY,
    sku TEXT NOT NULL REFERENCES products (sku),
    location TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    -- What the batch was created with: a repeated request to create it is compared to this.
    created_quantity INTEGER NOT NULL CHECK (created_quantity BETWEEN 1 AND 1000000000),
    created_eta TEXT,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 0 AND 1000000000),
    -- The sum of its allocations, and of its dispatches. Triggers keep both.
    allocated INTEGER NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    dispatched INTEGER NOT NULL DEFAULT 0 CHECK (dispatched >= 0),
    eta TEXT,
    -- Whether it was told that its ETA has passed.
    overdue INTEGER NOT NULL DEFAULT FALSE CHECK (overdue IN (0, 1) AND (NOT overdue OR eta IS NOT NULL)),
    closed INTEGER NOT NULL DEFAULT FALSE CHECK (closed IN (0, 1)),
    -- Whether something is available. An index whose predicate names `allocated` is touched by every allocation; one on
    -- this column is touched when the batch runs out or comes back. The check ties it to the numbers.
    open INTEGER NOT NULL DEFAULT TRUE CHECK (open = (allocated + dispatched < quantity)),
    -- How it arrived: the ETA and the quantity that it had before, and the units that were counted then. A receipt that
    -- is undone gives them back; one that is repeated is compared with them.
    received_eta TEXT CHECK (received_eta IS NULL OR eta IS NULL),
    received_expected INTEGER CHECK (received_expected BETWEEN 0 AND 1000000000),
    received_counted INTEGER CHECK (received_counted BETWEEN 0 AND 1000000000),
    CONSTRAINT batches_received_wholly CHECK (
        (received_eta IS NULL) = (received_expected IS NULL) AND (received_eta IS NULL) = (received_counted IS NULL)
    ),
    CONSTRAINT batches_sku_ordinal UNIQUE (sku, ordinal),
    CONSTRAINT batches_hold_what_is_committed CHECK (allocated + dispatched <= quantity)
) STRICT, WITHOUT ROWID;

-- The batches that a decision looks at, in the order it tries them (no ETA goes first).
CREATE INDEX batches_open ON batches (sku, eta, ordinal) WHERE open;
-- The batches of a product, as they are listed.
CREATE INDEX batches_listed ON batches (sku, reference);
-- The batches that have not arrived, of a product and of all.
CREATE INDEX batches_coming ON batches (sku, eta) WHERE eta IS NOT NULL AND NOT closed;
CREATE INDEX batches_by_eta ON batches (eta, sku) WHERE eta IS NOT NULL AND NOT closed;

-- The batches that were put off since they were created.
CREATE INDEX batches_put_off ON batches (eta, sku) WHERE eta > created_eta AND NOT closed;

-- Whether there ever was a batch at a location.
CREATE INDEX batches_by_location ON batches (location);

CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY,
    placed_at INTEGER NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000000 AND 1000000),
    required_by TEXT,
    hold_until INTEGER,
    -- What was first asked for: by it the same request is known when it comes again. NULL: each line has it.
    asked TEXT,
    -- Its versions before and after its hold ended.
    expired_from INTEGER,
    expired_to INTEGER
) STRICT, WITHOUT ROWID;

-- No foreign key to orders: a line that was allocated alone has no order header.
CREATE TABLE lines (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    state TEXT NOT NULL CHECK (
        state IN ('held', 'allocated', 'backordered', 'refused', 'cancelled', 'expired', 'dispatched')
    ),
    split INTEGER NOT NULL CHECK (split IN (0, 1)),
    placed_at INTEGER NOT NULL,
    -- The version of the product whose event placed the line. The order of service follows it, and no clock.
    placed_version INTEGER NOT NULL,
    placed_with_order INTEGER NOT NULL CHECK (placed_with_order IN (0, 1)),
    -- The precedence as one number: the smaller is served first, and 0 is the usual.
    rank INTEGER NOT NULL DEFAULT 0,
    -- A JSON array of names, the preferred location first; NULL: any location will do.
    locations TEXT,
    hold_until INTEGER,
    -- The day it is promised for, as it was last told, and the day that was told first, NULL where that is the same.
    promised_on TEXT,
    first_promised_on TEXT CHECK (first_promised_on <> promised_on OR promised_on IS NULL),
    -- By which day it has to leave, so that the promise keeps what is required.
    due_by TEXT,
    -- The units that the line was placed with, all of one batch, for as long as it holds them. Nearly every line is
    -- placed like this, and needs no row in further_allocations.
    batch TEXT,
    units INTEGER CHECK (CASE WHEN batch IS NULL THEN units IS NULL ELSE coalesce(units, 0) BETWEEN 1 AND quantity END),
    -- Which lines leave a batch first: the smallest. 0 is the usual, which takes no room.
    release_rank INTEGER NOT NULL DEFAULT 0,
    -- The sequence of the event that says that the line was placed. That event has no order_id: it is found by its
    -- line.
    placed_sequence INTEGER,
    -- Its units that have left the building, beside the quantity that it still wants; of a dispatched line they are it.
    dispatched INTEGER NOT NULL DEFAULT 0 CHECK (
        CASE state WHEN 'dispatched' THEN dispatched IN (0, quantity)
        ELSE dispatched BETWEEN 0 AND 1000000000 - quantity END
    ),
    -- What was first asked for a line that was placed alone. Of one that was placed with its order, the order has it.
    asked TEXT,
    PRIMARY KEY (order_id, line_id),
    CONSTRAINT lines_held_have_a_deadline CHECK (state <> 'held' OR hold_until IS NOT NULL),
    CONSTRAINT lines_with_a_deadline_are_open CHECK (hold_until IS NULL OR state IN ('held', 'backordered')),
    CONSTRAINT lines_with_units_are_promised CHECK (
        CASE state WHEN 'dispatched' THEN TRUE ELSE (promised_on IS NOT NULL) = (state IN ('held', 'allocated')) END
    ),
    CONSTRAINT lines_that_are_due_are_promised_in_time CHECK (due_by IS NULL OR coalesce(promised_on <= due_by, FALSE))
) STRICT, WITHOUT ROWID;

-- The backlog in order of service.
-- With it what tells whether a line can be served, so that those that can't be are passed over here.
CREATE INDEX lines_backlog ON lines (sku, rank, placed_version, order_id, line_id, quantity, split)
    WHERE state = 'backordered';
-- The lines that wait, of all products, by when they were placed. With it what they are counted by.
CREATE INDEX lines_waiting ON lines (placed_at, order_id, line_id, quantity, hold_until) WHERE state = 'backordered';
-- Lines by the day they are required by, as a number of days since 1970, which is in the rank: those that wait, and those with
-- units of which it was told that they can't leave by that day. Nearly no line is in either.
CREATE INDEX lines_waiting_due ON lines (2147483648 - (-rank & 4294967295), order_id, line_id)
    WHERE state = 'backordered' AND rank & 4294967295 <> 0;
CREATE INDEX lines_promised_late ON lines (2147483648 - (-rank & 4294967295), order_id, line_id)
    WHERE state IN ('held', 'allocated') AND due_by IS NULL AND rank & 4294967295 <> 0;
-- The lines that have to leave by a day.
CREATE INDEX lines_due_by ON lines (sku, due_by) WHERE due_by IS NOT NULL;
-- The holds on a product, in the order in which they end.
CREATE INDEX lines_hold_until ON lines (sku, hold_until, order_id) WHERE hold_until IS NOT NULL;

-- The allocations of a line beyond those it was placed with.
CREATE TABLE further_allocations (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    batch TEXT NOT NULL REFERENCES batches (reference),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    -- The version of the product whose event tells of the allocation.
    allocated_version INTEGER NOT NULL,
    release_rank INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line_id, batch),
    FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id)
) STRICT, WITHOUT ROWID;

-- Which allocations leave a batch first. It is read backwards, so that it grows at one end of each batch's part.
CREATE INDEX further_allocations_release ON further_allocations (batch, release_rank DESC, allocated_version);

CREATE VIEW allocations (order_id, line_id, batch, quantity, allocated_version, release_rank) AS
SELECT order_id, line_id, batch, quantity, allocated_version, release_rank FROM further_allocations
UNION ALL
SELECT order_id, line_id, batch, units, placed_version, release_rank FROM lines WHERE batch IS NOT NULL;

-- Units that have left the building. No foreign key to batches: it would need an index, so that a batch can be changed;
-- a trigger looks for the batch instead.
CREATE TABLE dispatches (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    batch TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    allocated_version INTEGER NOT NULL,
    -- The version of the product whose event tells that they left. A line may leave in parts.
    dispatched_version INTEGER NOT NULL,
    dispatched_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_id, batch, dispatched_version),
    FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    sequence INTEGER NOT NULL PRIMARY KEY,
    sku TEXT,
    version INTEGER,
    order_id TEXT,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    -- The day by the shop's calendar.
    decided_on TEXT NOT NULL,
    actor TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT events_product_is_whole CHECK ((sku IS NULL) = (version IS NULL))
) STRICT;

-- By sequence within an order: the row number, which the sequence is, ends every entry of an index.
CREATE INDEX events_order ON events (order_id) WHERE order_id IS NOT NULL;

-- Which books these are: one row. They are named anew when they are first opened, so that books that were copied before
-- have names of their own.
CREATE TABLE books (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 32)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX books_are_one ON books ((1));

INSERT INTO books (id) VALUES (lower(hex(randomblob(16))));

-- The histories that the books have told, each from where it branched off from the one before: after a backup was
-- restored.
CREATE TABLE epochs (
    number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
    -- Its events are those after this one.
    after_sequence INTEGER NOT NULL CHECK (after_sequence >= 0),
    -- By what the file was known when it began. `copy`: it is a copy, and not yet used as books.
    origin TEXT NOT NULL,
    began_at INTEGER NOT NULL
) STRICT;

-- The deferred index. An entry by product and one by batch, made with each line, would each cost a page of its own. The
-- store writes these entries later, many at a time and in the order of their keys; until then it scans the newest
-- events.

-- The last event up to which all entries are written. Some of later events may be.
CREATE TABLE deferred_index (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    until INTEGER NOT NULL
) STRICT;

INSERT INTO deferred_index (id, until) VALUES (1, 0);

-- The events of a product, by version.
CREATE TABLE events_of_products (
    sku TEXT NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (sku, version)
) STRICT, WITHOUT ROWID;

-- The lines that hold the units they were placed with, in the order in which they leave the batch. It is read
-- backwards. `placed_version`: that of the line.
CREATE TABLE lines_in_batches (
    batch TEXT NOT NULL,
    release_rank INTEGER NOT NULL,
    placed_version INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    PRIMARY KEY (batch, release_rank DESC, placed_version, order_id, line_id)
) STRICT, WITHOUT ROWID;

-- Those who are told of events, each with how far it has got. One relay works on a subscription at a time, as long as it
-- holds the lease; each new holder gets a higher fence, and what is written with an older one is refused.
CREATE TABLE subscriptions (
    name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 500),
    -- Where it began: behind an event, in an epoch.
    start_epoch INTEGER NOT NULL CHECK (start_epoch >= 0),
    start_sequence INTEGER NOT NULL CHECK (start_sequence >= 0),
    -- Up to where all events were delivered, or are dead letters.
    place_epoch INTEGER NOT NULL CHECK (place_epoch >= 0),
    place_sequence INTEGER NOT NULL CHECK (place_sequence >= 0),
    -- The last event of the delivery that is under way.
    delivery_end INTEGER CHECK (delivery_end >= 0),
    -- When its bounds were stored; where none is under way, when the last one ended.
    delivery_at INTEGER,
    -- Since when the sink has not taken the next delivery, how often it was tried, and why the last time failed.
    failing_since INTEGER,
    failing_attempts INTEGER CHECK (failing_attempts >= 0),
    failing_reason TEXT,
    -- Why nothing is sent any more.
    disabled TEXT,
    fence INTEGER NOT NULL CHECK (fence >= 1),
    -- Who holds the lease, and until when. NULL: it was given back.
    holder BLOB CHECK (length(holder) = 16),
    leased_until INTEGER,
    CONSTRAINT subscriptions_fail_wholly CHECK (
        (failing_since IS NULL) = (failing_attempts IS NULL) AND (failing_since IS NULL) = (failing_reason IS NULL)
    ),
    CONSTRAINT subscriptions_are_leased_wholly CHECK ((holder IS NULL) = (leased_until IS NULL))
) STRICT, WITHOUT ROWID;

-- Events that a subscription has put aside: their subscriber has not taken them, or they wait behind such a one.
CREATE TABLE dead_letters (
    subscription TEXT NOT NULL REFERENCES subscriptions (name),
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    sku TEXT,
    state TEXT NOT NULL CHECK (state IN ('waits', 'tried', 'dead')),
    -- Why the subscriber has not taken it.
    reason TEXT,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    since INTEGER NOT NULL,
    PRIMARY KEY (subscription, sequence),
    CONSTRAINT dead_letters_that_were_tried_have_a_reason CHECK ((reason IS NULL) = (state = 'waits'))
) STRICT, WITHOUT ROWID;

-- Answers that are given again when a caller repeats a request under the same key. Kept by row and not by key: an
-- answer may be long, and a walk down a tree of long rows is long, too.
CREATE TABLE idempotency_keys (
    key TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 400),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    token BLOB NOT NULL CHECK (length(token) = 16),
    -- A key without an answer is leased until then.
    leased_until INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The last column: SQLite would have to skip its bytes to find a column behind it.
    answer BLOB
) STRICT;

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- The messages that have been processed, so that a message that is delivered twice takes effect once. Kept in the order
-- in which they were processed: the oldest, which are forgotten first, are found without an index on their age.
CREATE TABLE inbox (
    number INTEGER NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    message_id TEXT NOT NULL,
    processed_at INTEGER NOT NULL,
    -- Why its command was refused. NULL: it was carried out.
    refusal TEXT,
    UNIQUE (source, message_id)
) STRICT;

-- The messages that could not be read, or whose commands were refused for good. Numbers are never used again.
CREATE TABLE dead_messages (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
    -- As the inbox has it beside the source; empty where the source has no ids.
    message_id TEXT NOT NULL,
    -- NULL: it named no request that it belongs to.
    correlation_id TEXT,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 1),
    since INTEGER NOT NULL,
    -- Whether it is to be tried once more, which takes all of it.
    replayed INTEGER NOT NULL CHECK (replayed IN (0, 1) AND (NOT replayed OR length(body) = bytes)),
    -- How many bytes the message has.
    bytes INTEGER NOT NULL CHECK (bytes >= length(body)),
    -- What was kept of it. The last column: SQLite would have to skip its bytes to find a column behind it.
    body BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX dead_messages_message_id ON dead_messages (source, message_id) WHERE message_id <> '';
CREATE INDEX dead_messages_source ON dead_messages (source, number, replayed);
CREATE INDEX dead_messages_replayed ON dead_messages (source, number) WHERE replayed;

-- The keys that open the service to callers from outside. Of their secrets there are hashes only.
CREATE TABLE access_keys (
    name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    -- By it a caller is known.
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- In the order in which the service names them, each once, parted by commas.
    roles TEXT NOT NULL CHECK (roles = substr(
        CASE WHEN instr(',' || roles || ',', ',viewer,') THEN ',viewer' ELSE '' END
        || CASE WHEN instr(',' || roles || ',', ',sales,') THEN ',sales' ELSE '' END
        || CASE WHEN instr(',' || roles || ',', ',warehouse,') THEN ',warehouse' ELSE '' END
        || CASE WHEN instr(',' || roles || ',', ',planner,') THEN ',planner' ELSE '' END
        || CASE WHEN instr(',' || roles || ',', ',admin,') THEN ',admin' ELSE '' END, 2)),
    -- How the orders and the products begin that its holder knows of, in order, each on a line. Empty: all of them.
    orders_with_prefix TEXT NOT NULL DEFAULT '' CHECK (length(orders_with_prefix) <= 1040),
    skus_with_prefix TEXT NOT NULL DEFAULT '' CHECK (length(skus_with_prefix) <= 1040),
    created_at INTEGER NOT NULL,
    -- From when on it opens nothing. NULL: it does not expire.
    expires_at INTEGER,
    -- A key that was revoked stays, so that its name in events keeps its meaning.
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- The sessions of browsers whose holder has shown a key, or is a person whom an identity provider has named. Those of a key
-- that is revoked, or has another secret by now, open nothing. Of their ids there are hashes only.
CREATE TABLE sessions (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- The hash of the secret that was shown. NULL: it is a person.
    key_hash BLOB CHECK (length(key_hash) = 32),
    -- Of the key or of the person.
    holder TEXT NOT NULL,
    -- What the person may do, as keys have it. NULL: what the key may do.
    roles TEXT CHECK (roles <> ''),
    began_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    CONSTRAINT sessions_are_of_a_key_or_a_person CHECK ((key_hash IS NULL) = (roles IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- A holder has only so many.
CREATE INDEX sessions_of_holders ON sessions (holder, began_at);
-- Those that are over are forgotten.
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- What was refused, and who has changed who may do what; what was done to the stock is in the events. Repeats are one row for
-- a minute, which is updated as long as they come. Numbers are never used again: readers go on behind them.
CREATE TABLE access_log (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- A row that is written again is known by it.
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL CHECK (last_at >= first_at),
    -- NULL: a stranger.
    caller TEXT,
    -- NULL: not from a network, or it is not known.
    address TEXT,
    -- A call or a command.
    action TEXT NOT NULL,
    -- A key, a subscription, a source. NULL: nothing of the service's own.
    about TEXT,
    decision TEXT NOT NULL
        CHECK (decision IN ('done', 'forbidden', 'out_of_bounds', 'no_key', 'unknown_key', 'expired_key', 'revoked_key', 'too_many',
                            'not_recorded')),
    -- The role that would be needed.
    needs TEXT CHECK ((decision = 'forbidden') = (needs IS NOT NULL)),
    count INTEGER NOT NULL CHECK (count >= 1),
    -- That of the first. NULL: no request.
    correlation_id TEXT
) STRICT;

-- There may be only so many refusals; what was done stays for all of its time.
CREATE INDEX access_log_refusals ON access_log (number) WHERE decision <> 'done';

-- What a batch has allocated and dispatched are sums, and the tables keep them, whichever program writes. A trigger can't tell
-- which statement fires it. So the triggers that follow the allocations first record the value that `allocated` is
-- about to take, and a trigger on the batches refuses any other value. The record may stay: by then the batch has that
-- value.
CREATE TABLE expected_allocated (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    batch TEXT,
    allocated INTEGER
) STRICT;

INSERT INTO expected_allocated (id) VALUES (1);

-- The same for `dispatched`.
CREATE TABLE expected_dispatched (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    batch TEXT,
    dispatched INTEGER
) STRICT;

INSERT INTO expected_dispatched (id) VALUES (1);

-- `open` is written only where it changes, which takes two UPDATEs; at most one of them finds the batch. A batch that
-- has too little is refused before them: unlike a failed check, RAISE can't be ignored by the statement that fires the
-- trigger.
CREATE TRIGGER further_allocations_inserted AFTER INSERT ON further_allocations BEGIN
    UPDATE expected_allocated
       SET batch = NEW.batch,
           allocated = (
               SELECT CASE WHEN allocated + dispatched + NEW.quantity <= quantity THEN allocated + NEW.quantity
                      ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                 FROM batches WHERE reference = NEW.batch
           )
     WHERE id = 1;
    UPDATE batches SET allocated = allocated + NEW.quantity, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity = quantity;
    UPDATE batches SET allocated = allocated + NEW.quantity
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity < quantity;
END;

CREATE TRIGGER further_allocations_deleted AFTER DELETE ON further_allocations BEGIN
    UPDATE expected_allocated
       SET batch = OLD.batch,
           allocated = (SELECT allocated - OLD.quantity FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    UPDATE batches SET allocated = allocated - OLD.quantity WHERE reference = OLD.batch AND open;
    UPDATE batches SET allocated = allocated - OLD.quantity, open = TRUE WHERE reference = OLD.batch AND NOT open;
END;

CREATE TRIGGER further_allocations_are_never_altered BEFORE UPDATE ON further_allocations BEGIN
    SELECT RAISE (ABORT, 'allocations refuses UPDATE: an allocation is deleted and made anew');
END;

-- A line has at most one allocation in a batch: its own, or a further one.
CREATE TRIGGER further_allocations_are_further BEFORE INSERT ON further_allocations
WHEN EXISTS (
    SELECT 1 FROM lines WHERE order_id = NEW.order_id AND line_id = NEW.line_id AND batch = NEW.batch
)
BEGIN
    SELECT RAISE (ABORT, 'allocations refuses INSERT: the line was placed with units of that batch');
END;

-- No foreign key from lines to batches either; the trigger looks for the batch.
CREATE TRIGGER lines_inserted AFTER INSERT ON lines WHEN NEW.batch IS NOT NULL BEGIN
    UPDATE expected_allocated
       SET batch = NEW.batch,
           allocated = coalesce(
               (SELECT CASE WHEN allocated + dispatched + NEW.units <= quantity THEN allocated + NEW.units
                       ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                  FROM batches WHERE reference = NEW.batch),
               RAISE (ABORT, 'lines refuses INSERT: there is no such batch')
           )
     WHERE id = 1;
    UPDATE batches SET allocated = allocated + NEW.units, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.units = quantity;
    UPDATE batches SET allocated = allocated + NEW.units
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.units < quantity;
END;

-- A line releases the units it was placed with as a whole.
CREATE TRIGGER lines_released AFTER UPDATE OF batch ON lines WHEN OLD.batch IS NOT NULL AND NEW.batch IS NULL BEGIN
    UPDATE expected_allocated
       SET batch = OLD.batch,
           allocated = (SELECT allocated - OLD.units FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    DELETE FROM lines_in_batches
     WHERE batch = OLD.batch AND release_rank = OLD.release_rank AND placed_version = OLD.placed_version
       AND order_id = OLD.order_id AND line_id = OLD.line_id;
    UPDATE batches SET allocated = allocated - OLD.units WHERE reference = OLD.batch AND open;
    UPDATE batches SET allocated = allocated - OLD.units, open = TRUE WHERE reference = OLD.batch AND NOT open;
END;

CREATE TRIGGER lines_keep_their_units BEFORE UPDATE OF batch, units, release_rank, placed_version ON lines
WHEN NEW.batch IS NOT NULL
    AND (NEW.batch IS NOT OLD.batch OR NEW.units IS NOT OLD.units OR NEW.release_rank <> OLD.release_rank
         OR NEW.placed_version <> OLD.placed_version)
BEGIN
    SELECT RAISE (ABORT, 'lines refuses UPDATE: a line releases its units as a whole; others are further allocations');
END;

CREATE TRIGGER dispatches_inserted AFTER INSERT ON dispatches BEGIN
    SELECT RAISE (ABORT, 'dispatches refuses INSERT: there is no such batch')
     WHERE NOT EXISTS (SELECT 1 FROM batches WHERE reference = NEW.batch);
    UPDATE expected_dispatched
       SET batch = NEW.batch,
           dispatched = (
               SELECT CASE WHEN allocated + dispatched + NEW.quantity <= quantity THEN dispatched + NEW.quantity
                      ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                 FROM batches WHERE reference = NEW.batch
           )
     WHERE id = 1;
    UPDATE batches SET dispatched = dispatched + NEW.quantity, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity = quantity;
    UPDATE batches SET dispatched = dispatched + NEW.quantity
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity < quantity;
END;

CREATE TRIGGER dispatches_deleted AFTER DELETE ON dispatches BEGIN
    UPDATE expected_dispatched
       SET batch = OLD.batch,
           dispatched = (SELECT dispatched - OLD.quantity FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    UPDATE batches SET dispatched = dispatched - OLD.quantity WHERE reference = OLD.batch AND open;
    UPDATE batches SET dispatched = dispatched - OLD.quantity, open = TRUE WHERE reference = OLD.batch AND NOT open;
END;

CREATE TRIGGER dispatches_are_never_altered BEFORE UPDATE ON dispatches BEGIN
    SELECT RAISE (ABORT, 'dispatches refuses UPDATE: a dispatch is deleted and made anew');
END;

CREATE TRIGGER batches_begin_unallocated BEFORE INSERT ON batches WHEN NEW.allocated <> 0 BEGIN
    SELECT RAISE (ABORT, 'batches refuses INSERT: allocated follows from the allocations');
END;

CREATE TRIGGER batches_allocated_follows BEFORE UPDATE OF allocated ON batches
WHEN NEW.allocated <> OLD.allocated
    AND NOT EXISTS (SELECT 1 FROM expected_allocated WHERE batch = NEW.reference AND allocated = NEW.allocated)
BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: allocated follows from the allocations');
END;

CREATE TRIGGER batches_begin_undispatched BEFORE INSERT ON batches WHEN NEW.dispatched <> 0 BEGIN
    SELECT RAISE (ABORT, 'batches refuses INSERT: dispatched follows from the dispatches');
END;

CREATE TRIGGER batches_dispatched_follows BEFORE UPDATE OF dispatched ON batches
WHEN NEW.dispatched <> OLD.dispatched
    AND NOT EXISTS (SELECT 1 FROM expected_dispatched WHERE batch = NEW.reference AND dispatched = NEW.dispatched)
BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: dispatched follows from the dispatches');
END;

-- Rows that others refer to without a foreign key stay.
CREATE TRIGGER batches_stay BEFORE DELETE ON batches BEGIN
    SELECT RAISE (ABORT, 'batches refuses DELETE: batches stay');
END;

CREATE TRIGGER batches_keep_their_reference BEFORE UPDATE OF reference ON batches
WHEN NEW.reference <> OLD.reference BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: a reference stays');
END;

CREATE TRIGGER lines_stay BEFORE DELETE ON lines BEGIN
    SELECT RAISE (ABORT, 'lines refuses DELETE: lines stay');
END;

CREATE TRIGGER events_are_never_altered BEFORE UPDATE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses UPDATE: events are facts');
END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses DELETE: events are facts');
END;
