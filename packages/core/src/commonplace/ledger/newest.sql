CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE journal (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at BIGINT NOT NULL, 
	operation TEXT NOT NULL, 
	record_pk INTEGER NOT NULL, 
	record_id TEXT NOT NULL, 
	scope_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	vectors INTEGER NOT NULL, 
	detail TEXT
);

CREATE TABLE cursors (
	name TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (name)
);

CREATE TABLE links (
	id INTEGER NOT NULL, 
	source_id TEXT NOT NULL, 
	target_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	weight FLOAT NOT NULL, 
	reason TEXT, 
	metadata TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (source_id, type, target_id)
);

CREATE INDEX links_by_source ON links (source_id, weight DESC, created_at, target_id, type);

CREATE INDEX links_by_target ON links (target_id, weight DESC, created_at, source_id, type);

CREATE TABLE scopes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	path TEXT NOT NULL, 
	depth INTEGER NOT NULL, 
	records INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	UNIQUE (path)
);

CREATE TABLE settings (
	name VARCHAR NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);

CREATE TABLE spaces (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	dimension INTEGER NOT NULL, 
	metric TEXT NOT NULL, 
	vectors INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	UNIQUE (name)
);

CREATE TABLE index_state (
	space_id INTEGER NOT NULL, 
	applied_seq INTEGER NOT NULL, 
	PRIMARY KEY (space_id), 
	FOREIGN KEY(space_id) REFERENCES spaces (id)
);

CREATE TABLE records (
	pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	scope_id INTEGER NOT NULL, 
	"key" TEXT, 
	kind TEXT NOT NULL, 
	content TEXT NOT NULL, 
	content_hash BIGINT NOT NULL, 
	value TEXT, 
	tags TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	importance FLOAT NOT NULL, 
	source TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	valid_from BIGINT, 
	valid_to BIGINT, 
	archived_at BIGINT, 
	version INTEGER NOT NULL, 
	has_text INTEGER NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	FOREIGN KEY(scope_id) REFERENCES scopes (id), 
	UNIQUE (id)
);

CREATE INDEX records_by_content ON records (scope_id, content_hash);

CREATE INDEX records_by_created ON records (created_at DESC, id);

CREATE INDEX records_by_expiry ON records (expires_at, scope_id) WHERE expires_at IS NOT NULL;

CREATE UNIQUE INDEX records_by_key ON records (scope_id, "key") WHERE key IS NOT NULL;

CREATE INDEX records_by_updated ON records (updated_at DESC, id);

CREATE INDEX records_in_scope_by_created ON records (scope_id, created_at DESC, id);

CREATE INDEX records_in_scope_by_updated ON records (scope_id, updated_at DESC, id);

CREATE TABLE versions (
	pk INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	scope_id INTEGER NOT NULL, 
	"key" TEXT, 
	kind TEXT NOT NULL, 
	content TEXT NOT NULL, 
	content_hash BIGINT NOT NULL, 
	value TEXT, 
	tags TEXT NOT NULL, 
	metadata TEXT NOT NULL, 
	importance FLOAT NOT NULL, 
	source TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	valid_from BIGINT, 
	valid_to BIGINT, 
	archived_at BIGINT, 
	version INTEGER NOT NULL, 
	has_text INTEGER NOT NULL, 
	replaced_at BIGINT NOT NULL, 
	replaced_by TEXT NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(scope_id) REFERENCES scopes (id), 
	UNIQUE (id, version)
);

CREATE INDEX versions_by_scope ON versions (scope_id, replaced_at);

CREATE INDEX versions_by_end ON versions (replaced_at);

CREATE INDEX versions_by_key ON versions (scope_id, "key") WHERE key IS NOT NULL;

CREATE TABLE version_vectors (
	id INTEGER NOT NULL, 
	space_id INTEGER NOT NULL, 
	version_pk INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	vector BLOB NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(space_id) REFERENCES spaces (id), 
	FOREIGN KEY(version_pk) REFERENCES versions (pk), 
	UNIQUE (version_pk, space_id, ordinal)
);

CREATE TABLE scope_tree (
	ancestor_id INTEGER NOT NULL, 
	scope_id INTEGER NOT NULL, 
	PRIMARY KEY (ancestor_id, scope_id), 
	FOREIGN KEY(ancestor_id) REFERENCES scopes (id), 
	FOREIGN KEY(scope_id) REFERENCES scopes (id)
)
 WITHOUT ROWID;

CREATE INDEX scope_tree_by_scope ON scope_tree (scope_id, ancestor_id);

CREATE TABLE threads (
	id TEXT NOT NULL, 
	scope_id INTEGER NOT NULL, 
	"key" TEXT, 
	metadata TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	expires_at BIGINT, 
	max_messages INTEGER, 
	message_ttl BIGINT, 
	messages INTEGER NOT NULL, 
	tokens INTEGER NOT NULL, 
	next_position INTEGER NOT NULL, 
	extracted INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(scope_id) REFERENCES scopes (id), 
	UNIQUE (scope_id, "key")
);

CREATE INDEX threads_by_activity ON threads (updated_at DESC, id);

CREATE INDEX threads_in_scope_by_activity ON threads (scope_id, updated_at DESC, id);

CREATE INDEX threads_by_expiry ON threads (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE messages (
	record_pk INTEGER NOT NULL, 
	thread_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	id TEXT, 
	role TEXT NOT NULL, 
	role_type TEXT, 
	name TEXT, 
	token_count INTEGER NOT NULL, 
	PRIMARY KEY (record_pk), 
	FOREIGN KEY(record_pk) REFERENCES records (pk), 
	FOREIGN KEY(thread_id) REFERENCES threads (id), 
	UNIQUE (thread_id, position)
);

CREATE UNIQUE INDEX messages_by_id ON messages (thread_id, id) WHERE id IS NOT NULL;

CREATE TABLE vectors (
	id INTEGER NOT NULL, 
	space_id INTEGER NOT NULL, 
	record_pk INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	vector BLOB NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(record_pk) REFERENCES records (pk), 
	FOREIGN KEY(space_id) REFERENCES spaces (id), 
	UNIQUE (space_id, record_pk, ordinal)
);

CREATE VIRTUAL TABLE full_text USING fts5(
  content, scopes, content='', tokenize="porter unicode61 remove_diacritics 2"
);

CREATE VIRTUAL TABLE version_text USING fts5(
  content, scopes, content='', tokenize="porter unicode61 remove_diacritics 2"
);

CREATE TABLE erasures (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	pending TEXT NOT NULL, 
	receipt TEXT NOT NULL, 
	UNIQUE (id)
);

CREATE TABLE audited (
	seq INTEGER NOT NULL, 
	nonce BLOB, 
	leaf BLOB, 
	PRIMARY KEY (seq)
);

CREATE INDEX records_in_scope_by_expiry ON records (scope_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX records_in_scope_by_closing ON records (scope_id, valid_to) WHERE valid_to IS NOT NULL;

CREATE INDEX records_in_scope_by_archive ON records (scope_id, archived_at) WHERE archived_at IS NOT NULL;

INSERT INTO alembic_version VALUES ('0003');

INSERT INTO scope_tree VALUES (1, 1);

INSERT INTO scopes VALUES (1, '', 0, 0, 0)
