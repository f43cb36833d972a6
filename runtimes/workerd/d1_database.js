// A D1 database: one object with SQLite storage, which applies the migrations before its first query.
//
// Source: the D1 documentation, "Workers Binding API", "Migrations" and "SQL statements" (2026-11).

import { DurableObject } from 'cloudflare:workers';
import settings from './settings.json';

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
// Bytes travel as lists of numbers.
const bound = (value) => (Array.isArray(value) ? Uint8Array.from(value) : value);
const plain = (value) => (value instanceof ArrayBuffer ? Array.from(new Uint8Array(value)) : value);

export class Database extends DurableObject {
  #migrated;

  #migrate() {
    if (this.#migrated || settings.migrations.length === 0) return;
    const { sql } = this.ctx.storage;
    const table = quoted(settings.table);
    sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
      applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`);
    const applied = new Set(sql.exec(`SELECT name FROM ${table}`).raw().toArray().flat());
    for (const [name, text] of settings.migrations) {
      if (applied.has(name)) continue;
      try {
        this.ctx.storage.transactionSync(() => {
          sql.exec(text);
          sql.exec(`INSERT INTO ${table} (name) VALUES (?)`, name);
        });
      } catch (error) {
        throw new Error(`migration ${name}: ${error.message}`);
      }
    }
    this.#migrated = true;
  }

  #run({ sql: text, params = [] }, format) {
    const { sql } = this.ctx.storage;
    const [changed, last] = this.#counts();
    const size = sql.databaseSize;
    const began = performance.now();
    const cursor = sql.exec(text, ...params.map(bound));
    const rows = cursor.raw().toArray().map((row) => row.map(plain));
    const duration = performance.now() - began;
    const [changedAfter, lastAfter] = this.#counts();
    const columns = cursor.columnNames;
    const meta = {
      served_by: 'ebb', duration, changes: changedAfter - changed, last_row_id: lastAfter,
      changed_db: changedAfter !== changed || lastAfter !== last || sql.databaseSize !== size,
      size_after: sql.databaseSize, rows_read: cursor.rowsRead, rows_written: cursor.rowsWritten,
    };
    const results = format === 'ROWS_AND_COLUMNS'
      ? { columns, rows }
      : rows.map((row) => Object.fromEntries(row.map((cell, index) => [columns[index], cell])));
    return { success: true, results, meta };
  }

  #counts() {
    return this.ctx.storage.sql.exec('SELECT total_changes(), last_insert_rowid()').raw().toArray()[0];
  }

  // A list of queries is one transaction: all of them, or none and the error of the first that fails.
  run({ queries, format }) {
    try {
      this.#migrate();
      if (!Array.isArray(queries)) return this.#run(queries, format);
      return this.ctx.storage.transactionSync(() => queries.map((query) => this.#run(query, format)));
    } catch (error) {
      return { success: false, error: error.message };
    }
  }
}

export default {
  async fetch(request, env) {
    // Whether the loop turns.
    if (request.method === 'GET') return new Response('turning');
    const { queries, sql, params, format } = await request.json();
    // For people: `ebb invoke APP-d1-NAME '{"sql": "SELECT 1"}'`.
    return Response.json(await env.DATABASE.getByName('database').run({ queries: queries ?? { sql, params }, format }));
  },
};
