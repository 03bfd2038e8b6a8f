"""The wire to VerifEye, Realeyes' hosted face verification: what is sent, what returns, what it is worth.

A verification goes out and comes back on three different ways, and this room has one module for each::

    client.signed_link ──▶ a link to the hosted camera page; the browser follows it
    returns.read_return ◀── the query the browser brings back: hostile until proven, and never a verdict
    client.result ──▶ results.parse_result ──▶ results.acceptable: what VerifEye itself says, asked directly

Why so much distrust of the returning query: the vendor's published signature is a plain hash that ignores
case and order, covers neither host nor path, and uses one key for links and results alike. A valid one
says "not altered", never "fresh", "yours" or "passed". Hence read_return is strict about every name and
value, and the caller combines it with its own one-time state, the browser's cookie, and the result.

The pure modules are ``regions``, ``signing``, ``returns`` and ``results``; only ``client`` speaks to the
network. Nothing here knows Flask, SQLAlchemy, or what the portal does with a result. Where the vendor's
documentation is silent (the schema of a result, how a face is deleted), the reading is tolerant, the
judgement fails closed, and the guess lives in one place that is easy to mend: ``results`` and ``faces``.
"""
