"""The smallest Streamlit app that shows whether its WebSocket works."""

import streamlit as st

st.title("Counter")
if "count" not in st.session_state:
    st.session_state.count = 0
if st.button("Count"):
    st.session_state.count += 1
st.write(f"clicked {st.session_state.count} times")
