"""Operations: monitoring, alarms, and the actions of operators."""
