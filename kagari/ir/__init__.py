"""The intermediate representation: pure, typed values, their derivatives and simplification."""
