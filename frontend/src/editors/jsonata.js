// JSONata for CodeMirror: a small stream language. Within a template (a document or text of an
// integration) expressions stand between {% and %}, also inside the strings of JSON.

import { StreamLanguage } from "@codemirror/language";

const KEYWORDS = /^(?:and|or|in|function)$/;
const ATOMS = /^(?:true|false|null)$/;
const NAME = /^[A-Za-z_\u00c0-\uffff][\w\u00c0-\uffff]*/;
const NUMBER = /^(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/;
const OPERATOR = /^(?::=|\.\.|~>|!=|<=|>=|\*\*|\?:|\?\?|[-+*/%&=<>?:|^@#!])/;

const start = () => ({ comment: false, string: "", operand: false, within: false, outer: "" });

function expression(stream, state) {
  if (state.comment) {
    state.comment = !stream.match(/^.*?\*\//);
    if (state.comment) stream.skipToEnd();
    return "comment";
  }
  if (state.string) return string(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match("/*")) {
    state.comment = true;
    return expression(stream, state);
  }
  const next = stream.peek();
  if (next === '"' || next === "'") {
    state.string = stream.next();
    return string(stream, state);
  }
  if (next === "`") {
    stream.match(/^`[^`]*`?/);
    return operand(state, "propertyName");
  }
  if (next === "$") {
    stream.match(/^\$\$?\w*/);
    return operand(state, stream.match(/^\s*\(/, false) ? "function" : "variableName");
  }
  if (next === "/" && !state.operand && stream.match(/^\/(?:[^\\/]|\\.)+\/[im]*/)) {
    return operand(state, "regexp");
  }
  if (stream.match(NUMBER)) return operand(state, "number");
  if (stream.match(NAME)) return word(stream, state);
  if (stream.match(OPERATOR)) return after(state, false, "operator");
  return after(state, /[)\]}]/.test(stream.next()), "punctuation");
}

function word(stream, state) {
  const text = stream.current();
  if (KEYWORDS.test(text)) return after(state, false, "keyword");
  return operand(state, ATOMS.test(text) ? "atom" : "propertyName");
}

function string(stream, state) {
  const quote = state.string;
  let escaped = false;
  for (let next = stream.next(); next !== undefined; next = stream.next()) {
    if (next === quote && !escaped) {
      state.string = "";
      break;
    }
    escaped = !escaped && next === "\\";
  }
  state.operand = true;
  return !state.string && stream.match(/^\s*:(?!=)/, false) ? "labelName" : "string";
}

function operand(state, style) {
  return after(state, true, style);
}

function after(state, isOperand, style) {
  state.operand = isOperand;
  return style;
}

export const jsonata = StreamLanguage.define({
  name: "jsonata",
  startState: start,
  token: expression,
  languageData: { closeBrackets: { brackets: ["(", "[", "{", '"', "'", "`"] } },
});

function template(stream, state) {
  if (state.within) {
    if (stream.match("%}")) {
      Object.assign(state, start(), { outer: state.outer });
      return "meta";
    }
    const style = expression(stream, state);
    // A string of an expression within a string of JSON may not run past the end of either.
    return style;
  }
  if (stream.match("{%")) {
    Object.assign(state, start(), { outer: state.outer, within: true });
    return "meta";
  }
  return state.outer === '"' || stream.peek() === '"' ? quoted(stream, state) : plain(stream);
}

function quoted(stream, state) {
  if (!state.outer) state.outer = stream.next();
  while (!stream.eol()) {
    if (stream.match("{%", false)) return "string";
    const next = stream.next();
    if (next === "\\") stream.next();
    else if (next === '"') {
      state.outer = "";
      return stream.match(/^\s*:/, false) ? "labelName" : "string";
    }
  }
  return "string";
}

function plain(stream) {
  if (stream.eatSpace()) return null;
  if (stream.match(/^(?:true|false|null)\b/)) return "atom";
  if (stream.match(/^-?\d+(?:\.\d+)?/)) return "number";
  if (stream.match(/^[[\]{}:,](?!%)/)) return "punctuation";
  stream.next();
  return null;
}

export const templated = StreamLanguage.define({
  name: "template",
  startState: start,
  token: template,
  languageData: { closeBrackets: { brackets: ["(", "[", '"', "'"] } },
});
