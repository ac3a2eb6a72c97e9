// Editors of expressions, documents and bodies.
import "codemirror";
