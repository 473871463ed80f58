"""The recorded graph as data."""

import tinygrad_edu as tg
from tinygrad_edu.graph import ancestors, names_of


def leaf(value):
    return tg.Tensor(value, requires_grad=True)


def test_ancestors_come_after_all_they_were_made_from_and_once():
    a, b = leaf(1.0), leaf(2.0)
    c = a * b
    d = c + a
    loss = (d * c) ** 2
    order = ancestors(loss)
    place = {t: i for i, t in enumerate(order)}
    assert len(order) == len(set(order)) == 6
    assert order[-1] is loss
    assert all(place[t] < place[made] for made in order for t in made.args if type(t) is tg.Tensor)


def test_the_order_survives_a_leaf_that_was_looked_at_or_changed():
    a, b = leaf(1.0), leaf(2.0)
    y = a * b
    assert a.data == 1.0
    with tg.no_grad():
        b += 1.0
    assert ancestors(y)[-1] is y


def test_several_outputs_have_one_graph():
    a = leaf(1.0)
    y, z = a * 2.0, a * 3.0
    assert ancestors(z, y, y) == [a, y, z]


def test_constants_belong_to_the_graph_and_numbers_do_not():
    a, c = leaf(1.0), tg.Tensor(5.0)
    assert ancestors(a * 2.0 + c)[:2] == [a, c]


def test_a_deep_graph_needs_no_recursion():
    y = leaf(1.0)
    for _ in range(50_000):
        y = y + 1.0
    assert len(ancestors(y)) == 50_001


def test_an_own_name_wins_over_names_and_these_over_variables():
    own, given, variable = leaf(1.0).named("mine"), leaf(2.0), leaf(3.0)
    loss = own * given + variable
    for names in ({"theirs": given, "lost": own}, {given: "theirs", own: "lost"}):
        known = names_of([loss], names)
        called = [known[id(t)] for t in (own, given, variable, loss)]
        assert called == ["mine", "theirs", "variable", "loss"]
    assert names_of([loss])[id(given)] == "given"
