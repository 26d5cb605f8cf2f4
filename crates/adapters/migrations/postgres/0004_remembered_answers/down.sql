-- Forgets every answer: whoever calls again with a key of before is served anew.
DROP TABLE remembered_answers;
