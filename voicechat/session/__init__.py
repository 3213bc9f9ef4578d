"""The one shared session core: an inbox, a clock, one timer, and the hand that carries out effects."""
