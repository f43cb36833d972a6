// When a cron line of five fields is due next, in UTC: for the body that scheduled functions get.

const NAMES = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
};
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MINUTE = 60_000;

export function nextRun(line, now) {
  const [minute, hour, day, month, weekday] = (NAMES[line.trim()] ?? line).trim().split(/\s+/);
  const minutes = values(minute, 0, 59);
  const hours = values(hour, 0, 23);
  const days = values(day, 1, 31);
  const months = values(month, 1, 12, MONTHS);
  const weekdays = values(weekday, 0, 7, DAYS);
  if (weekdays.has(7)) weekdays.add(0);
  const either = !/^[*?]/.test(day) && !/^[*?]/.test(weekday);
  let at = new Date(Math.floor(now.getTime() / MINUTE) * MINUTE + MINUTE);
  const last = now.getTime() + 5 * 366 * 24 * 60 * MINUTE;
  while (at.getTime() < last) {
    const inDay = days.has(at.getUTCDate());
    const inWeek = weekdays.has(at.getUTCDay());
    if (!months.has(at.getUTCMonth() + 1) || !(either ? inDay || inWeek : inDay && inWeek)) {
      at = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1));
    } else if (!hours.has(at.getUTCHours()) || !minutes.has(at.getUTCMinutes())) {
      at = new Date(at.getTime() + MINUTE);
    } else {
      return at;
    }
  }
  return at;
}

function values(field, least, most, names = []) {
  const number = (text) => {
    const named = names.indexOf(text.toLowerCase());
    return named < 0 ? Number(text) : named + (least === 1 ? 1 : 0);
  };
  const found = new Set();
  for (const part of field.split(',')) {
    const [range, step] = part.split('/');
    const [from, to] = /^[*?]$/.test(range) ? [least, most] : range.split('-').map(number);
    const end = to ?? (step === undefined ? from : most);
    for (let value = from; value <= end; value += Number(step ?? 1)) found.add(value);
  }
  return found;
}
